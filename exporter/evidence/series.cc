#include "exporter/evidence/series.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "exporter/base/error.h"
#include "exporter/base/text.h"

namespace pgtls::evidence {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxLabelBytes = 2000;

[[noreturn]] void Fail(const std::string& why) { throw Error(FailureReason::kError, why); }

[[noreturn]] void FailForm(const char* what) {
  Fail(std::string("the answer is not one of Prometheus' HTTP API: ") + what);
}

const Json& Member(const Json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) FailForm(name);
  return object.at(name);
}

double Number(const Json& value) {
  if (!value.is_string()) FailForm("a value");
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    if (text == "NaN" || text == "+Inf" || text == "-Inf") return std::nan("");
    FailForm("a value");
  }
  return number;
}

Point ReadPoint(const Json& value) {
  constexpr double kYear10000 = 253'402'300'800;
  if (!value.is_array() || value.size() != 2 || !value[0].is_number()) FailForm("a point");
  const double seconds = value[0].get<double>();
  if (!(seconds >= 0 && seconds < kYear10000)) FailForm("a time");
  return {Time(Duration(std::llround(seconds * 1000))), Number(value[1])};
}

Series ReadSeries(const Json& value, bool vector) {
  Series series;
  const Json& labels = Member(value, "metric");
  if (!labels.is_object()) FailForm("metric");
  for (const auto& [name, text] : labels.items()) {
    if (!text.is_string()) FailForm("a label");
    series.labels.emplace(name, Bounded(text.get_ref<const std::string&>(), kMaxLabelBytes));
  }
  if (vector) {
    series.points.push_back(ReadPoint(Member(value, "value")));
    return series;
  }
  const Json& points = Member(value, "values");
  if (!points.is_array()) FailForm("values");
  for (const Json& point : points) {
    series.points.push_back(ReadPoint(point));
    const std::size_t count = series.points.size();
    if (count > 1 && series.points[count - 2].time >= series.points[count - 1].time) FailForm("points out of order");
  }
  return series;
}

// Prometheus answers with its reason; a proxy before it may answer with anything.
void CheckStatus(const Json& answer) {
  const auto text = [&](const char* name) {
    const auto found = answer.find(name);
    return found != answer.end() && found->is_string() ? Printable(OneLine(found->get_ref<const std::string&>()))
                                                       : std::string();
  };
  const std::string status = text("status");
  if (status == "error") Fail("Prometheus refused the query: " + text("errorType") + ": " + text("error"));
  if (status != "success") FailForm("status");
  // A cluster of VictoriaMetrics of which a part does not answer.
  if (const auto partial = answer.find("isPartial"); partial != answer.end() && *partial != false)
    Fail("the answer is incomplete: isPartial");
  if (const auto warnings = answer.find("warnings"); warnings != answer.end() && warnings->is_array()) {
    for (const Json& warning : *warnings) {
      if (!warning.is_string()) FailForm("warnings");
      Fail("the answer is incomplete: " + Printable(OneLine(warning.get_ref<const std::string&>())));
    }
  }
}

}  // namespace

std::string_view Series::label(std::string_view name) const {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string_view() : found->second;
}

std::vector<Series> ReadAnswer(std::string_view json) {
  const Json answer = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) FailForm("no JSON object");
  CheckStatus(answer);
  const Json& data = Member(answer, "data");
  const Json& type = Member(data, "resultType");
  if (type != "vector" && type != "matrix") FailForm("resultType");
  const Json& result = Member(data, "result");
  if (!result.is_array()) FailForm("result");
  std::vector<Series> series;
  for (const Json& one : result) series.push_back(ReadSeries(one, type == "vector"));
  return series;
}

std::string Literal(std::string_view text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') literal += '\\';
    if (c == '\n') {
      literal += "\\n";
    } else {
      literal += c;
    }
  }
  return literal + '"';
}

}  // namespace pgtls::evidence
