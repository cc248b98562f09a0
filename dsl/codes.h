// The table of codes, in three parts so that three kinds of work do not meet in one file. Only codes.cc
// includes this; everyone else asks find_code (diagnostic.h).
#pragma once

#include <vector>

#include "dsl/diagnostic.h"

namespace tocsin::dsl {

// Rows in ascending order; codes.cc joins the parts and a test says so when the order or a number is wrong.
std::vector<CodeInfo> syntax_codes();   // R001-R019: the text cannot be read        (codes_syntax.cc)
std::vector<CodeInfo> error_codes();    // R020-R099: read, but it cannot mean that  (codes_errors.cc)
std::vector<CodeInfo> warning_codes();  // R100-R199: means something, hardly this   (codes_warnings.cc)

}  // namespace tocsin::dsl
