#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "exporter/base/json.h"
#include "exporter/evidence/document.h"

namespace pgtls::evidence {
namespace {

using Json = nlohmann::ordered_json;

// RFC 3339, as Prometheus writes it.
std::string Stamp(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time) - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

double Seconds(Duration duration) { return static_cast<double>(duration.count()) / 1000; }

Json AsJson(TimeRange range) {
  return {{"begin", Stamp(range.begin)}, {"end", Stamp(range.end)}, {"seconds", Seconds(range.length())}};
}

Json AsJson(const Counts& counts, const char* first, const char* second) {
  Json array = Json::array();
  for (const auto& [key, count] : counts)
    array.push_back({{first, key.first}, {second, key.second}, {"sessions", count}});
  return array;
}

Json AsJson(const Reason& reason) {
  return {{"why", reason.why},          {"words", Words(reason)},
          {"job", reason.exporter.job}, {"instance", reason.exporter.instance},
          {"part", reason.part},        {"reason", reason.detail}};
}

template <typename T>
Json AsArray(const std::vector<T>& elements);

Json AsJson(const Gap& gap) {
  Json json = AsJson(gap.range);
  json["reasons"] = AsArray(gap.reasons);
  return json;
}

Json AsJson(const ExporterEvidence& exporter) {
  const auto optional = [](const std::optional<std::uint64_t>& value) { return value ? Json(*value) : Json(nullptr); };
  return {{"job", exporter.exporter.job},
          {"instance", exporter.exporter.instance},
          {"observed_seconds", Seconds(Length(exporter.observed))},
          {"knows_all", exporter.KnowsAll()},
          {"established", optional(exporter.established)},
          {"missed", exporter.established ? Json(exporter.missed) : Json(nullptr)},
          {"losses", exporter.established ? Json(exporter.losses) : Json(nullptr)},
          {"seen", AsJson(exporter.seen, "network", "encryption")},
          {"unencrypted", AsJson(exporter.unencrypted, "network", "allowed")},
          {"follows_log", exporter.follows_log},
          {"logged", optional(exporter.logged)},
          {"logged_unknown", exporter.logged ? Json(exporter.logged_unknown) : Json(nullptr)},
          {"logged_unencrypted", AsJson(exporter.logged_unencrypted, "network", "allowed")}};
}

Json AsJson(const Client& client) {
  return {{"source", client.logged ? "log" : "samples"},
          {"database", client.database},
          {"user", client.user},
          {"client_addr", client.address},
          {"network", client.network},
          {"allowed", client.allowed},
          {"most", client.most},
          {"first", Stamp(client.seen.begin)},
          {"last", Stamp(client.seen.end)}};
}

Json AsJson(const Exemption& exemption) { return {{"exemption", exemption.name}, {"end", Stamp(exemption.end)}}; }

Json AsJson(const ExemptedClient& client) {
  return {{"database", client.database},       {"user", client.user},
          {"client_addr", client.address},     {"most", client.most},
          {"first", Stamp(client.seen.begin)}, {"last", Stamp(client.seen.end)}};
}

Json AsJson(const ExemptionInForce& exemption) {
  return {{"exemption", exemption.name},
          {"end", exemption.end ? Json(Stamp(*exemption.end)) : Json(nullptr)},
          {"first", Stamp(exemption.in_force.begin)},
          {"last", Stamp(exemption.in_force.end)},
          {"used_by", AsArray(exemption.clients)}};
}

Json AsJson(const Certificate& certificate) {
  return {{"host", certificate.host},
          {"subject", certificate.subject},
          {"issuer", certificate.issuer},
          {"serial", certificate.serial},
          {"fingerprint_sha256", certificate.fingerprint},
          {"key", certificate.key},
          {"not_before", certificate.not_before ? Json(Stamp(*certificate.not_before)) : Json(nullptr)},
          {"not_after", Stamp(certificate.not_after)},
          {"first", Stamp(certificate.seen.begin)},
          {"last", Stamp(certificate.seen.end)}};
}

Json AsJson(const std::pair<std::string, std::string>& query) {
  return {{"what", query.first}, {"query", query.second}};
}

std::string Word(Verdict verdict) {
  return verdict == Verdict::kNotProven ? "not_proven" : std::string(ToString(verdict));
}

Json AsJson(const ServerEvidence& server) {
  const Duration observed = Length(server.observed);
  return {{"server", server.server},
          {"verdict", Word(Judge(server))},
          {"grounds", Grounds(server)},
          {"known", server.known},
          {"observed_seconds", Seconds(observed)},
          {"not_proven_seconds", Seconds(server.period.length() - observed)},
          {"resolution_seconds", Seconds(server.resolution)},
          {"gaps", AsArray(server.gaps)},
          {"exporters", AsArray(server.exporters)},
          {"unencrypted_clients", AsArray(server.clients)},
          {"exemptions", AsArray(server.exemptions)},
          {"exemptions_in_force", AsArray(server.in_force)},
          {"certificates", AsArray(server.certificates)},
          {"queries", AsArray(QueryList(server.server))}};
}

template <typename T>
Json AsArray(const std::vector<T>& elements) {
  Json array = Json::array();
  for (const T& element : elements) array.push_back(AsJson(element));
  return array;
}

}  // namespace

std::string JsonDocument(const Evidence& evidence) {
  const Json document = {{"format", 1},
                         {"exit_code", ExitCode(evidence)},
                         {"made", Stamp(evidence.made)},
                         {"prometheus", evidence.source},
                         {"period", AsJson(evidence.period)},
                         {"servers", AsArray(evidence.servers)}};
  return JsonText(document, 2) + "\n";
}

}  // namespace pgtls::evidence
