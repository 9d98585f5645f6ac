// When sessions may have been counted by nobody, as the exporter itself counts it.
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

// Whether the server's log has the sessions all the same, if it was followed.
bool IsInLog(const Loss& loss);

// Follows how often each reason was counted, from one answer to the next.
class LossFinder {
 public:
  // What counters had at `begin` that had begun before is of the time before.
  explicit LossFinder(Time begin) : begin_(begin) {}

  // `counters`: by reason. `starts`: when they began at 0, at the same steps.
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
