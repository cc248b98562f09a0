// If one of these fails, a rule's aggregate is unknown, or another one than the author wrote.
#include "engine/program/aggregates.h"

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("aggregates are found by their words; percentiles by their number") {
  const auto kind = [](std::string_view name) { return aggregates()[find_aggregate(name)->index].kind; };
  CHECK(kind("count") == AggregateKind::count);
  CHECK(kind("median") == AggregateKind::percentile);
  CHECK(kind("p50") == AggregateKind::percentile);
  CHECK(kind("p99.9") == AggregateKind::percentile);
  CHECK(percentile_of("median") == 50);
  CHECK(percentile_of("p99.9") == 99.9);
  for (const char* wrong :
       {"", "p", "p100", "p49", "p5x", "pp50", "p-50", "p050", "p99.99", "p500", "changes", "counts", "p1e1"})
    CHECK_FALSE(find_aggregate(wrong).has_value());
  for (std::size_t i = 0; i < aggregates().size(); ++i) {
    if (aggregates()[i].name.empty() || aggregates()[i].name == "p") continue;
    if (aggregates()[i].name != "median") CHECK(find_aggregate(aggregates()[i].name)->index == i);
  }
}

TEST_CASE("A1: of nothing, counts and sums are 0, all others missing; of no x a length of 0") {
  for (const Aggregate& row : aggregates()) {
    const bool zero = row.kind == AggregateKind::count || row.kind == AggregateKind::sum ||
                      row.kind == AggregateKind::distinct_count || row.kind == AggregateKind::changes;
    CHECK(row.of_nothing == (zero ? "0" : row.kind == AggregateKind::duration ? "0s" : "missing"));
  }
}
