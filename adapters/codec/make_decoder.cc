#include "adapters/codec/config.h"
#include "adapters/codec/json.h"
#include "adapters/codec/plan.h"

namespace tocsin {

Result<std::unique_ptr<Decoder>> make_decoder(const CodecConfig& config, const Schema& schema) {
  Result<Plan> plan = Plan::make(config, schema);
  if (!plan) return tl::unexpected(plan.error());
  switch (config.format) {
    case Format::json:
      return make_json_decoder(config, std::move(*plan));
    case Format::csv:
    case Format::logfmt:
    case Format::regex:
      return failure(Error::Code::refused, "not yet");
  }
  return failure(Error::Code::refused, "not a format");
}

}  // namespace tocsin
