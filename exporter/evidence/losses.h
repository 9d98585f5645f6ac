// When sessions may be missing from all counters, from pg_tls_session_count_losses_total.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exporter/evidence/observation.h"
#include "exporter/evidence/series.h"
#include "exporter/evidence/time_range.h"

namespace pgtls::evidence {

struct Loss {
  std::string reason;  // of pg_tls_session_count_losses_total
  Time step;           // at which it was known
};

// Whether the server's log contains the sessions that are missing.
bool IsInLog(const Loss& loss);

// Finds the increases of the counter of each reason, over consecutive range queries.
class LossFinder {
 public:
  // Counters that started before `begin` have counted losses of that time: their first value is no increase.
  explicit LossFinder(Time begin) : begin_(begin) {}

  // `counters`: by reason. `starts`: when the counters started at 0, at the same steps.
  void Add(const std::vector<Series>& counters, const std::vector<Point>& starts);
  // By step.
  std::vector<Loss> Take();

 private:
  struct Count {
    double since;
    double value;
  };

  Time begin_;
  std::map<std::string, Count> counts_;
  std::vector<Loss> losses_;
};

// The time in which sessions may have been lost: between the collections of the good samples before and after it.
// `samples`: by time.
TimeRange RangeOf(const Loss& loss, const std::vector<GoodSample>& samples);

}  // namespace pgtls::evidence
