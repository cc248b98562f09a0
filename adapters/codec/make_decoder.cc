// Format by format, the decoder that a configuration asks for.
#include "adapters/codec/config.h"
#include "adapters/codec/json.h"
#include "adapters/codec/plan.h"
#include "adapters/codec/text.h"

namespace tocsin {

Result<std::unique_ptr<Decoder>> make_decoder(const CodecConfig& config, const Schema& schema) {
  Result<Plan> plan = Plan::make(config, schema);
  if (!plan) return tl::unexpected(plan.error());
  switch (config.format) {
    case Format::json:
      return make_json_decoder(config, std::move(*plan));
    case Format::csv:
      return make_csv_decoder(config, std::move(*plan));
    case Format::logfmt:
      return make_logfmt_decoder(config, std::move(*plan));
    case Format::regex:
      return make_regex_decoder(config, std::move(*plan));
  }
  return failure(Error::Code::refused, "not a format");
}

}  // namespace tocsin
