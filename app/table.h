// Tables for people.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace tocsin::app {

// Columns under their heads, which are the first row; numbers to the right.
void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows);

// "612.0 MiB".
std::string rounded_bytes(std::uint64_t bytes);

}  // namespace tocsin::app
