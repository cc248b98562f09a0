// What records are, as the command line says it: the options that `replay` and `why` share, and the file or pipe behind
// `--input`.
#pragma once

#include <istream>
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

// The paths of `--input`, in the order in which they were given. An Error when one of them is given twice.
Result<std::vector<std::string>> inputs_of(const Arguments& arguments);
bool reads_standard_input(const std::vector<std::string>& inputs);

// The files of `--input` as one source: each is a partition, numbered in their order. The partition that is furthest
// behind in event time is read next, so that files of one log, rotated, need no memory for all but one of them.
class InputSource : public Source {
 public:
  // The last event time of a partition so far. On any thread.
  virtual void reached(std::uint32_t partition, Time at) = 0;
};

// Records without a time of their own have that at which their file was last written, so that one file always means the
// same. `-` is standard input, or the stream in its place.
Result<std::unique_ptr<InputSource>> open_inputs(const std::vector<std::string>& paths, Console& console,
                                                 std::istream* instead_of_standard_input = nullptr);

// What evidence calls the input: the configured source whose records it has; else the file's name, `stdin`, of several
// their names, joined by `+`.
std::string name_of_inputs(const Arguments& arguments);

// A time on the command line: RFC 3339, `-15m` before now, or a number in the unit of --time-unit (ms where none is
// given).
Result<Time> time_on_command_line(const std::string& word, const Arguments& arguments);

}  // namespace tocsin::app
