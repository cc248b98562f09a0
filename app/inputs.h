// What records are, as the command line says it: the options that `replay` and `why` share, and the file or pipe behind
// `--input`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "app/command.h"
#include "dsl/check.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/io/source.h"

namespace tocsin::app {

// `--input`, `--event`, `--time-field` and their like, for the table of commands.
std::vector<Option> input_options();

// What the options say, and what they leave open from the name of the input (.csv, .logfmt; .zst at the end is looked
// through) and from the schema (its only event). An Error in words for whoever called.
Result<CodecConfig> codec_of(const Arguments& arguments, const Schema& schema);

// What an option names and nobody knows, for standard error: each a sentence. It does no harm, and is most often
// misspelt.
std::vector<std::string> unknown_names(const CodecConfig& codec, const dsl::Model& model);

// `--input`: a file, or - for standard input. Records without a time of their own have that at which the file was last
// written, so that one file always means the same.
Result<std::unique_ptr<Source>> open_input(const std::string& path, Console& console);

// What evidence calls the input: the file's name, `stdin`.
std::string name_of_input(const std::string& path);

// A time on the command line: RFC 3339, `-15m` before now, or a number in the unit of --time-unit (ms where none is
// given).
Result<Time> time_on_command_line(const std::string& word, const Arguments& arguments);

}  // namespace tocsin::app
