// The pages of the codes, from the one table: `tocsin explain CODE` on a terminal, docs/diagnostics.md for readers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "dsl/diagnostic.h"

namespace tocsin::dsl {

// Plain text, its prose wrapped at `width`.
std::string code_page(const CodeInfo& row, int width = 80);

// All of docs/diagnostics.md. A test says when the file is not this.
std::string diagnostics_document();

// Words in lines of at most `width` columns; newlines of the text stay.
std::string wrapped(std::string_view text, std::size_t width);

}  // namespace tocsin::dsl
