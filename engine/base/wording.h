// Small turns of phrase that messages, pages and answers share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin {

// "1,000,000".
std::string grouped(std::uint64_t number);

// "1 rule", "2 rules", "1,000,000 bytes".
std::string counted(std::uint64_t number, std::string_view thing);

// Each line behind `by`, except empty ones; the last one ends, too.
std::string indented(std::string_view text, std::string_view by = "  ");

}  // namespace tocsin
