// What the formats share. Only render*.cc include this.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/lines.h"
#include "dsl/render.h"

namespace tocsin::dsl::rendering {

// A span, looked up. `end` is the place just behind its last character; an empty span has begin == end.
struct Place {
  std::string_view path;
  Position begin, end;
};

// Sources with their lines, found when first asked for: most files have no message.
class Atlas {
 public:
  explicit Atlas(std::span<const SourceText> sources) : sources_(sources), lines_(sources.size()) {}

  std::span<const SourceText> sources() const { return sources_; }
  const Lines& lines(std::uint32_t file);
  Place place(SourceSpan span);
  // The span with both ends inside its text, begin first; at the very end of a text it moves back behind the
  // last thing written, where the author looks.
  SourceSpan tame(SourceSpan span) const;

 private:
  std::span<const SourceText> sources_;
  std::vector<std::unique_ptr<Lines>> lines_;
};

std::string_view word_of(Level level);  // "error", "warning"

// A sentence of a message: nothing that a terminal obeys, no name in it longer than people read, its middle left out.
std::string readable(std::string_view sentence);

std::string human(const Diagnostic& diagnostic, Atlas& atlas, const RenderOptions& options);
std::string json(std::span<const Diagnostic> diagnostics, Atlas& atlas);
std::string sarif(std::span<const Diagnostic> diagnostics, Atlas& atlas, std::string_view version);

}  // namespace tocsin::dsl::rendering
