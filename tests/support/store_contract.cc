#include "tests/support/store_contract.h"

#include <fmt/format.h>

#include <algorithm>

namespace tocsin::tests {

Result<std::uint64_t> store_epoch(CheckpointStore& store, Epoch epoch, const EpochText& text) {
  std::vector<std::vector<StateChange>> runs(1);
  for (const auto& [address, value] : text.changes) {
    if (!runs.back().empty() && runs.back().back().address.substr(0, 2) != address.substr(0, 2)) runs.emplace_back();
    runs.back().push_back({address, value ? std::string_view(*value) : std::string_view(), !value});
  }
  const std::vector<std::span<const StateChange>> spans(runs.begin(), runs.end());
  return store.store({epoch, spans, text.manifest, text.outbox});
}

void StoreModel::apply(const EpochText& text) {
  newest.number += 1;
  manifest = text.manifest;
  outboxes.emplace_back(newest, text.outbox);
  for (const auto& [address, value] : text.changes) {
    if (value) {
      state[address] = *value;
    } else {
      state.erase(address);
    }
  }
}

std::vector<std::pair<Epoch, std::string>> StoreModel::outboxes_behind(Epoch epoch) const {
  std::vector<std::pair<Epoch, std::string>> out;
  for (const auto& [of, outbox] : outboxes)
    if (of > epoch && (out.empty() || !outbox.empty())) out.emplace_back(of, outbox);
  return out;
}

std::string random_address(std::mt19937& random) {
  std::string address{'\0', static_cast<char>(random() % 3)};
  const auto pick = static_cast<char>('a' + random() % 12);
  switch (random() % 8) {
    case 0: {  // a long beginning in common; the lengths around LMDB's limit
      constexpr std::size_t kLengths[] = {494, 495, 496, 509, 510, 511, 512, 700};
      address.append(490, 'x');
      address.append(kLengths[random() % 8] - address.size() - 1, pick);
      return address + static_cast<char>('a' + random() % 3);
    }
    case 1:
      return address;
    case 2:
      return address + pick + std::string(20, '\xFF');
    default:
      return address + pick + static_cast<char>(random() % 4);
  }
}

EpochText random_epoch(std::mt19937& random, std::uint64_t number, std::size_t long_max) {
  EpochText text{{}, fmt::format("manifest {}", number), random() % 3 == 0 ? "" : fmt::format("outbox {}", number)};
  const auto changes = random() % 5 == 0 ? 0 : random() % 40;
  for (std::uint64_t i = 0; i < changes; ++i) {
    std::optional<std::string> value;
    const auto kind = random() % 12;
    if (kind == 0) value = "";
    if (kind == 1) value = std::string(random() % long_max, static_cast<char>(random()));
    if (kind >= 2 && kind < 9) value = fmt::format("{} of epoch {}", random() % 100, number);
    text.changes[random_address(random)] = value;
  }
  return text;
}

namespace {

std::string shown(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes.substr(0, 12)) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return fmt::format("{} ({} bytes)", text, bytes.size());
}

std::string scan_difference(const CheckpointStore& store, const StoreModel& model, const std::string& from,
                            const std::string& to) {
  auto expected = model.state.lower_bound(from);
  const auto end = to.empty() ? model.state.end() : model.state.lower_bound(std::max(from, to));
  std::string wrong;
  const auto scanned = store.scan(from, to, [&](std::string_view address, std::string_view value) -> Result<void> {
    if (expected == end) {
      wrong = "scan gives too much: " + shown(address);
    } else if (expected->first != address) {
      wrong = "scan gives " + shown(address) + " instead of " + shown(expected->first);
    } else if (expected->second != value) {
      wrong = "scan gives another value at " + shown(address);
    }
    if (!wrong.empty()) return failure(Error::Code::refused, wrong);
    ++expected;
    return {};
  });
  if (!scanned) return scanned.error().message;
  return expected == end ? "" : "scan ends before " + shown(expected->first);
}

// Steps over some of the addresses, of which each is where one could go on, or lies between two.
std::string leap_difference(const CheckpointStore& store, const StoreModel& model, const std::string& from,
                            unsigned seed) {
  std::mt19937 random(seed);
  auto expected = model.state.lower_bound(from);
  std::string wrong;
  using Next = Result<std::optional<std::string>>;
  const auto leapt = store.leap(from, [&](std::string_view address, std::string_view value) -> Next {
    if (expected == model.state.end() || expected->first != address || expected->second != value) {
      wrong = "leap gives " + shown(address);
      if (expected != model.state.end()) wrong += " instead of " + shown(expected->first);
      return failure(Error::Code::refused, wrong);
    }
    if (random() % 2 == 0) {
      ++expected;
      return std::optional<std::string>();
    }
    std::string next = random_address(random);
    if (next <= address) next = std::string(address) + '\0';
    expected = model.state.lower_bound(next);
    return std::optional(std::move(next));
  });
  if (!leapt) return leapt.error().message;
  return expected == model.state.end() ? "" : "leap ends before " + shown(expected->first);
}

std::string image_difference(const CheckpointStore& store, const CheckpointStore::Newest& newest,
                             const StoreModel& model) {
  std::map<std::string, std::string> state;
  bool is_same = false;
  const auto seen = store.image(
      [&](const CheckpointStore::Newest& one) -> Result<void> {
        is_same = one.epoch == newest.epoch && one.manifest == newest.manifest && one.outboxes == newest.outboxes;
        return {};
      },
      [&](std::string_view address, std::string_view value) -> Result<void> {
        state.emplace_hint(state.end(), address, value);
        return {};
      });
  if (!seen) return seen.error().message;
  return !is_same ? "the image is of another epoch" : state != model.state ? "the image is of another state" : "";
}

}  // namespace

std::string difference(const CheckpointStore& store, const StoreModel& model, bool redelivery) {
  const auto newest = store.newest();
  if (!newest) return newest.error().message;
  if (!newest.value()) return model.newest == Epoch{0} ? "" : "it says that this is the first start";
  if (newest.value()->epoch != model.newest)
    return fmt::format("it is at epoch {} and not {}", newest.value()->epoch.number, model.newest.number);
  if (newest.value()->manifest != model.manifest) return "another manifest: " + newest.value()->manifest;
  const Epoch delivered = newest.value()->delivered();
  if (delivered > model.delivered || (!redelivery && delivered != model.delivered))
    return fmt::format("it gives outboxes behind epoch {} instead of {}", delivered.number, model.delivered.number);
  if (newest.value()->outboxes != model.outboxes_behind(delivered)) return "other outboxes";
  if (std::string wrong = image_difference(store, *newest.value(), model); !wrong.empty()) return wrong;
  return scan_difference(store, model, "", "");
}

std::string run_history(const StoreUnderTest& tested, unsigned seed, int steps) {
  std::mt19937 random(seed);
  StoreModel model;
  bool restarted = false;
  std::string wrong;
  for (int step = 0; step < steps && wrong.empty(); ++step) {
    CheckpointStore& store = tested.store();
    const auto what = random() % 16;
    std::string does;
    if (what < 5) {
      does = "store";
      const EpochText text = random_epoch(random, model.newest.number + 1);
      const auto stored = store_epoch(store, Epoch{model.newest.number + 1}, text);
      if (!stored) return stored.error().message;
      model.apply(text);
    } else if (what < 8) {
      does = "delivered";
      model.delivered.number += random() % (model.newest.number - model.delivered.number + 1);
      store.delivered(model.delivered);
      restarted = false;  // whatever it had forgotten, it knows again
    } else if (what < 10) {
      does = "merge";
      const auto merged = store.merge();
      if (!merged) return merged.error().message;
      if (merged.value().through != model.newest)
        wrong = fmt::format("the base stands at {} and not {}", merged.value().through.number, model.newest.number);
    } else if (what == 10) {
      does = "restart";
      tested.restart();
      restarted = true;
    } else if (what < 14) {
      does = "find";
      const std::string address = random_address(random);
      const auto found = store.find(address);
      if (!found) return found.error().message;
      const auto expected = model.state.find(address);
      if (found.value().has_value() != (expected != model.state.end())) {
        wrong = "find is wrong whether there is " + shown(address);
      } else if (found.value() && *found.value() != expected->second) {
        wrong = "find gives another value at " + shown(address);
      }
    } else if (what < 15) {
      does = "leap";
      wrong = leap_difference(store, model, random_address(random), static_cast<unsigned>(random()));
    } else {
      does = "scan";
      wrong = scan_difference(store, model, random_address(random), random() % 2 == 0 ? "" : random_address(random));
    }
    if (wrong.empty()) wrong = difference(tested.store(), model, restarted);
    if (!wrong.empty()) wrong = fmt::format("seed {}, step {} ({}): {}", seed, step, does, wrong);
  }
  return wrong;
}

}  // namespace tocsin::tests
