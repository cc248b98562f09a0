// Text to tree: cuts the tokens into items and reads each by itself. An item that cannot be read hides no other
// (language.md, section 3); where it is plain what was meant, it is mended and read again, so that one pass tells all.
#include "dsl/parser.h"

#include <algorithm>
#include <deque>

#include "dsl/grammar/items.h"
#include "dsl/grammar/messages.h"
#include "dsl/grammar/rules.h"

namespace tocsin::dsl {
namespace grammar {
namespace {

// Mistakes told per item, and the longest item that is read more than once: reading again costs the whole item.
constexpr std::size_t kMaxRepairs = 16;
constexpr std::size_t kMaxRepairedTokens = 20'000;

// The `///` block that ends on the line above `begin`; `next` is the first comment not looked at.
std::string doc_above(const std::vector<ast::Comment>& comments, std::size_t& next, std::uint32_t from,
                      std::uint32_t begin, std::string_view text) {
  const auto new_line = [&](std::uint32_t a, std::uint32_t b) {
    const std::string_view between = text.substr(a, b - a);
    return std::ranges::count(between, '\n') > 1;
  };
  std::vector<std::string> lines;
  std::uint32_t behind = from;
  for (; next < comments.size() && comments[next].span.begin < begin; ++next) {
    const ast::Comment& c = comments[next];
    // A ruler of slashes documents nothing.
    if (c.span.begin < from || !c.own_line || !c.text.starts_with("///") || c.text.starts_with("////")) {
      lines.clear();
      continue;
    }
    if (new_line(behind, c.span.begin)) lines.clear();
    std::string line = c.text.substr(3);
    if (line.starts_with(' ')) line.erase(0, 1);
    lines.push_back(std::move(line));
    behind = c.span.end;
  }
  if (lines.empty() || new_line(behind, begin)) return {};
  std::string out = std::move(lines[0]);
  for (std::size_t i = 1; i < lines.size(); ++i) out += "\n" + lines[i];
  return out;
}

// Reads the items of one file, one after the other.
class Items {
 public:
  Items(const SourceText& source, std::uint32_t file, const std::vector<ast::Comment>& comments, Parsed& out)
      : source_(source), file_(file), comments_(comments), out_(out) {}

  // A word of the language as the name of this item: it will be refused, and its uses are no mistakes of their own.
  void refuse(std::span<const Token> item) {
    if (item.size() < 3 || item[1].kind != TokenKind::word || !has_use(item[1].word, kReservedForItems)) return;
    const bool absent = item[1].word == Word::when || item[1].word == Word::uses || item[1].word == Word::has ||
                        item[1].word == Word::of;  // `rule when x`
    if (!absent) refused_.push_back(item[1].word);
  }

  // One item, or, when the word of a further one was misspelt, several.
  void read(std::span<Token> tokens) {
    std::vector<Token> mended;  // a copy, once there is something to mend
    for (std::size_t repairs = 0;; ++repairs) {
      const Brackets brackets = join_brackets(tokens, file_, out_.diagnostics);
      if (!brackets.ok) return give_up(tokens);
      ParseState state{source_.text, file_, &out_.diagnostics, nullptr, {}, nullptr};
      const std::size_t told = out_.diagnostics.size();
      ast::Item item;
      const Token* begin = tokens.data();
      const Token* end = begin + tokens.size();
      std::optional<Repair> repair = misread(state, begin, end);
      if (!repair && parse_one(state, begin, end, item)) {
        // Guesses are good enough to go on, not to be judged by others.
        if (certain_) return take(tokens, std::move(item));
        return give_up(tokens);
      }
      // What the text of a failed reading complained about will be told when it is read again.
      out_.diagnostics.resize(told);
      if (!repair && uses_refused(tokens, state)) continue;
      if (!repair) repair = habit(state, begin, end, brackets.opened);
      // What is missing at the end of an item is one mistake, however much it is.
      const bool at_end = repair ? repair->at >= tokens.size() : state.farthest == end;
      const SourceSpan repaired = repair ? repair->diagnostic.here.span : SourceSpan{};
      if (!at_end || !end_told_)
        tell(repair ? std::move(repair->diagnostic) : unreadable(state, begin, end), state, begin);
      end_told_ = end_told_ || at_end;
      if (!repair) return give_up(tokens);
      certain_ = certain_ && repair->certain;
      out_.mended.push_back(repaired);
      const bool changes = repair->remove > 0 || !repair->insert.empty();
      if (!changes || repairs == kMaxRepairs || tokens.size() > kMaxRepairedTokens) return give_up(tokens);
      std::vector<Token> next(tokens.begin(), tokens.end());
      const auto at = next.begin() + static_cast<std::ptrdiff_t>(repair->at);
      // A habit knows what belongs together; at the end of an item some of it may be missing.
      const auto remove = std::min(static_cast<std::ptrdiff_t>(repair->remove), next.end() - at);
      if (!repair->certain) std::for_each(at, at + remove, [this](const Token& dropped) { mention(dropped); });
      next.insert(next.erase(at, at + remove), repair->insert.begin(), repair->insert.end());
      if (repair->begins_item && repair->at > 0) {
        std::vector<Token> first(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(repair->at));
        const std::vector<Token> second(next.begin() + static_cast<std::ptrdiff_t>(repair->at), next.end());
        certain_ = true;
        finish_before(first);
        certain_ = true;
        mended = second;
      } else {
        mended = std::move(next);
      }
      tokens = mended;
      if (tokens.empty()) return;
    }
  }

  // With a text that is not closed, an item is read for its mistakes alone.
  void start(bool certain) {
    certain_ = certain;
    end_told_ = false;
  }

 private:
  // Reading stopped at a refused name, or behind one that is an aggregate too (`rate(value > 5)`). Where the item can
  // be read with the name as a name, that was its only mistake, and it is told already.
  bool uses_refused(std::span<Token> tokens, const ParseState& failed) const {
    std::vector<Token> meant(tokens.begin(), tokens.end());
    bool found = false;
    for (std::size_t i = 2; i < meant.size(); ++i) {
      Token& t = meant[i];
      const bool here = &tokens[i] == failed.farthest || has_use(t.word, kAggregate);
      if (!here || t.kind != TokenKind::word || std::ranges::find(refused_, t.word) == refused_.end()) continue;
      t.kind = TokenKind::quoted_name;
      t.word = Word::none;
      found = true;
    }
    std::vector<Diagnostic> unheard;
    ParseState state{source_.text, file_, &unheard, nullptr, {}, nullptr};
    ast::Item item;
    if (!found || !parse_one(state, meant.data(), meant.data() + meant.size(), item)) return false;
    std::ranges::copy(meant, tokens.begin());
    return true;
  }

  static bool parse_one(ParseState& state, const Token* begin, const Token* end, ast::Item& out) {
    Cursor first{begin, &state};
    const Cursor last{end, &state};
    if (!grammar::item.parse(first, last, x3::unused, x3::unused, out)) return false;
    if (first == last) return true;
    state.want(first.at, kEndWanted);  // if nothing came further
    return false;
  }

  // The item before a misspelt word of the next one: it was read up to there.
  void finish_before(std::vector<Token>& tokens) {
    ParseState state{source_.text, file_, &out_.diagnostics, nullptr, {}, nullptr};
    ast::Item item;
    (void)join_brackets(tokens, file_, out_.diagnostics);
    if (parse_one(state, tokens.data(), tokens.data() + tokens.size(), item))
      take(tokens, std::move(item));
    else
      give_up(tokens);
  }

  void take(std::span<const Token> tokens, ast::Item&& item) {
    item.doc = doc_above(comments_, next_comment_, last_end_, tokens.front().begin, source_.text);
    last_end_ = tokens.back().end;
    out_.file.items.push_back(std::move(item));
  }

  // Its name was given, so that its use elsewhere is no second mistake.
  void give_up(std::span<const Token> tokens) {
    if (!tokens.empty()) last_end_ = tokens.back().end;
    if (tokens.empty()) return;
    if (tokens.front().word == Word::rule) ++out_.unreadable_rules;
    if (tokens.size() > 1) out_.unreadable.push_back(content(tokens[1], source_.text));
    for (const Token& t : tokens.subspan(std::min<std::size_t>(tokens.size(), 2))) mention(t);
  }

  void mention(const Token& t) {
    const bool name = t.kind == TokenKind::quoted_name || t.kind == TokenKind::param ||
                      (t.kind == TokenKind::word && !has_use(t.word, kReservedForItems));
    if (name) out_.mentioned.push_back(content(t, source_.text));
  }

  // Unless the lexer has complained about this very place: then that was the cause.
  void tell(Diagnostic d, const ParseState& state, const Token* begin) {
    const Token* at = state.farthest != nullptr ? state.farthest : begin;
    const std::uint32_t from = at > begin ? at[-1].begin : begin->begin;
    const bool told = std::ranges::any_of(out_.diagnostics, [&](const Diagnostic& known) {
      if (known.here.span.file != file_) return false;
      // Between quotes that stand the wrong way round nothing is what it seems.
      const bool within = known.code == "R003" && known.here.span.begin <= from && from <= known.here.span.end;
      return within || (known.here.span.begin >= from && known.here.span.begin <= d.here.span.end);
    });
    if (!told) out_.diagnostics.push_back(std::move(d));
  }

  const SourceText& source_;
  std::uint32_t file_;
  const std::vector<ast::Comment>& comments_;
  Parsed& out_;
  std::vector<Word> refused_;  // words of the language that items of this file are called
  std::size_t next_comment_ = 0;
  std::uint32_t last_end_ = 0;
  bool certain_ = true;
  bool end_told_ = false;
};

}  // namespace
}  // namespace grammar

Parsed parse(const SourceText& source, std::uint32_t file) {
  Parsed out;
  Lexed lexed = lex(source, file);
  out.diagnostics = std::move(lexed.diagnostics);
  out.file.comments = std::move(lexed.comments);
  std::vector<Token>& tokens = lexed.tokens;
  std::vector<std::size_t> starts = grammar::item_starts(tokens, source.text, file, out.diagnostics);
  if (tokens.size() > 1 && (starts.empty() || starts[0] != 0)) starts.insert(starts.begin(), 0);  // in no item
  // YAML is told as a whole: its signs are none of ours.
  const bool yaml = tokens.size() > 2 && !(tokens[0].kind == TokenKind::word && has_use(tokens[0].word, kItem)) &&
                    tokens[1].punct == Punct::colon;
  if (yaml) {
    const std::uint32_t end =
        starts.size() > 1 ? tokens[starts[1]].begin : static_cast<std::uint32_t>(source.text.size());
    std::erase_if(out.diagnostics, [&](const Diagnostic& d) { return d.code != "R006" && d.here.span.begin < end; });
  }
  grammar::Items items(source, file, out.file.comments, out);
  const std::size_t lexed_count = out.diagnostics.size();
  // What is no text is no rule set either: what its bytes seem to say would only bury the one cause.
  const auto no_text = std::ranges::find(out.diagnostics, "R006", &Diagnostic::code);
  if (no_text != out.diagnostics.end()) {
    out.diagnostics = {Diagnostic(*no_text)};
    // The names of its items all the same, so that other files may use them.
    for (const std::size_t start : starts) {
      if (start + 1 < tokens.size()) out.unreadable.push_back(content(tokens[start + 1], source.text));
      if (tokens[start].word == Word::rule) ++out.unreadable_rules;
    }
    return out;
  }
  const auto item_at = [&](std::size_t i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : tokens.size() - 1;
    return std::span(tokens).subspan(starts[i], end - starts[i]);
  };
  for (std::size_t i = 0; i < starts.size(); ++i) items.refuse(item_at(i));
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::span<Token> item = item_at(i);
    // A text without its end has swallowed what stood behind it on its line.
    const bool cut = std::ranges::any_of(std::span(out.diagnostics).first(lexed_count), [&](const Diagnostic& d) {
      return d.code == "R003" && !item.empty() && d.here.span.begin >= item.front().begin &&
             d.here.span.begin < item.back().end;
    });
    items.start(!cut);
    items.read(item);
    if (out.diagnostics.size() >= kMaxMistakes) break;
  }
  // A place behind the last byte is the last byte's: nobody can put a caret further.
  const auto last = static_cast<std::uint32_t>(source.text.size());
  for (Diagnostic& d : out.diagnostics) {
    d.here.span.end = std::min(d.here.span.end, last);
    d.here.span.begin = std::min(d.here.span.begin, d.here.span.end);
  }
  sort_and_unique(out.diagnostics);
  return out;
}

}  // namespace tocsin::dsl
