// Series as Prometheus' HTTP API delivers them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/evidence/time_range.h"

namespace pgtls::evidence {

using Labels = std::map<std::string, std::string, std::less<>>;

struct Point {
  Time time;
  double value = 0;
};

struct Series {
  Labels labels;
  std::vector<Point> points;  // by time; one in the answer to an instant query

  // Empty where there is none, as in PromQL.
  std::string_view label(std::string_view name) const;
};

// Goes through the points of one series in the order of their times. REQUIRES: `points` lives as long.
class Follower {
 public:
  explicit Follower(const std::vector<Point>& points) : point_(points.begin()), end_(points.end()) {}

  std::optional<double> At(Time time) {
    while (point_ != end_ && point_->time < time) ++point_;
    return point_ != end_ && point_->time == time ? std::optional(point_->value) : std::nullopt;
  }

 private:
  std::vector<Point>::const_iterator point_;
  std::vector<Point>::const_iterator end_;
};

// Where series come from.
class Source {
 public:
  virtual ~Source() = default;
  // An instant query whose result is a vector. Throws Error.
  virtual std::vector<Series> Query(const std::string& expression, Time at) = 0;
  // REQUIRES: at most kMostSteps steps. Throws Error.
  virtual std::vector<Series> QueryRange(const std::string& expression, TimeRange range, Duration step) = 0;

  // Prometheus answers with 11,000 points of a series at most.
  static constexpr int kMostSteps = 10'000;
};

// Reads the answer to either kind of query. Throws Error, with Prometheus' own words (printable, bounded) where it
// answered with an error or a warning: an answer from a part of the data would hide the rest.
std::vector<Series> ReadAnswer(std::string_view json);

// A string as a PromQL literal.
std::string Literal(std::string_view text);

}  // namespace pgtls::evidence
