#include "exporter/evidence/queries.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pgtls::evidence {
namespace {

constexpr const char* kSessions = "collector=\"sessions\"";
constexpr const char* kClient = "database, user, client_addr, network, allowed";
constexpr const char* kNotAllowed = "network=\"remote\",allowed=\"false\"";

// Seconds that the exporter's clock may be ahead of Prometheus'.
constexpr int kMostAhead = 10;

std::string Millis(Duration duration) { return fmt::format("{}ms", duration.count()); }

// A range that holds nothing is refused.
std::string Window(Duration window) { return Millis(std::max(window, Duration(1))); }

}  // namespace

Queries::Queries(std::string_view server, const Exporter& exporter)
    : server_("server=" + Literal(server)),
      target_(fmt::format("job={},instance={}", Literal(exporter.job), Literal(exporter.instance))) {
  exporter_ = server_ + "," + target_;
}

std::string Queries::Of(std::string_view metric, std::string_view more) const {
  return fmt::format("{}{{{}{}{}}}", metric, exporter_, more.empty() ? "" : ",", more);
}

std::string Queries::Exporters(std::string_view server, Duration window) {
  const std::string count = fmt::format("count_over_time(pg_tls_up{{server={}}}[5m])", Literal(server));
  return fmt::format("max by (job, instance) (max_over_time({0}[{1}:1m]) or {0})", count, Window(window));
}

std::string Queries::Servers(Duration window) {
  return fmt::format("count by (server) (present_over_time(pg_tls_up[{}]))", Window(window));
}

std::string Queries::Good(bool counted) const {
  const std::string last_success = Of("pg_tls_collector_last_success_timestamp_seconds", kSessions);
  return fmt::format(
      "max(timestamp({0}) and on () (count({0}) == 1) and on () ({0} == 1) and on () ({1} == 1)"
      " and on () (max(timestamp({2}) - {2}) <= 3 * max({3}))"
      " and on () (min(timestamp({2}) - {2}) >= -{4})"
      " unless on () {5} and on () {6})",
      Of("pg_tls_up"), Of("pg_tls_collector_success", kSessions), last_success,
      Of("pg_tls_collector_interval_seconds", kSessions), kMostAhead,
      Of("pg_tls_collector_incomplete_info", std::string(kSessions) + ",part=~\"encryption|processes\""),
      Counts(counted));
}

std::string Queries::Counts(bool counted) const {
  const auto loss = [&](std::string_view reason) {
    return Of("pg_tls_session_count_losses_total", fmt::format("reason=\"{}\"", reason));
  };
  std::vector<std::string> series = {Of("pg_tls_unencrypted_sessions_total", kNotAllowed),
                                     Of("pg_tls_unencrypted_connections_by_network", kNotAllowed),
                                     Of("pg_tls_sessions_counted_since_timestamp_seconds"), loss("server_changed")};
  if (counted) {
    for (const char* const reason : {"server_restarted", "statistics_reset", "database_dropped"})
      series.push_back(loss(reason));
    series.push_back(Of("pg_tls_established_sessions_total"));
    series.push_back(Of("pg_tls_sampled_sessions_total"));
  }
  return fmt::format("{}", fmt::join(series, " and on () "));
}

std::string Queries::NotLogged(bool counted) const {
  const std::string log = "collector=\"log\"";
  const std::string last_success = Of("pg_tls_collector_last_success_timestamp_seconds", log);
  return fmt::format(
      "{0} unless on () (max({1} == 1) and on () (max(timestamp({2}) - {2}) <= 3 * max({3}))"
      " unless on () {4} and on () {5})",
      Good(counted), Of("pg_tls_collector_success", log), last_success, Of("pg_tls_collector_interval_seconds", log),
      Of("pg_tls_collector_incomplete_info", log + ",part!=\"state_file\""),
      Of("pg_tls_logged_unencrypted_sessions_total"));
}

std::string Queries::Collected() const {
  return fmt::format("max({})", Of("pg_tls_collector_last_success_timestamp_seconds", kSessions));
}

std::string Queries::MostOpen(Duration window) const {
  return fmt::format("max(max_over_time({}[{}]))", Of("pg_tls_unencrypted_connections_by_network", kNotAllowed),
                     Window(window));
}

std::string Queries::OpenNow() const {
  return fmt::format("max({})", Of("pg_tls_unencrypted_connections_by_network", kNotAllowed));
}

std::string Queries::CountedSince() const {
  return fmt::format("max({})", Of("pg_tls_sessions_counted_since_timestamp_seconds"));
}

std::string Queries::Losses() const {
  return fmt::format("max by (reason) ({})", Of("pg_tls_session_count_losses_total"));
}

std::string Queries::WhyNot(bool counted) const {
  const std::string last_success = Of("pg_tls_collector_last_success_timestamp_seconds", kSessions);
  const auto labelled = [](const std::string& expression, const char* why) {
    return fmt::format(R"(label_replace({}, "why", "{}", "", ""))", expression, why);
  };
  std::string any;
  const auto add = [&](const std::string& expression) { any += (any.empty() ? "" : " or ") + expression; };
  add(labelled(fmt::format("up{{{}}} == 0", target_), "exporter_down"));
  add(labelled(Of("pg_tls_up") + " == 0", "server_down"));
  add(labelled(fmt::format("count({}) > 1", Of("pg_tls_up")), "exporter_ambiguous"));
  add(labelled(Of("pg_tls_collector_failure_info", kSessions), "sessions_failed"));
  add(labelled(
      Of("pg_tls_collector_incomplete_info", std::string(kSessions) + ",part=~\"encryption|processes|established\""),
      "sessions_incomplete"));
  add(labelled(fmt::format("max(timestamp({0}) - {0}) > 3 * max({1})", last_success,
                           Of("pg_tls_collector_interval_seconds", kSessions)),
               "sessions_stale"));
  add(labelled(fmt::format("min(timestamp({0}) - {0}) < -{1}", last_success, kMostAhead), "clock_ahead"));
  add(labelled(fmt::format("max({}) unless on () ({})", Of("pg_tls_up"), Counts(counted)), "sessions_absent"));
  return fmt::format("max by (why, part, reason) ({})", any);
}

std::string Queries::LastOf(const std::string& counter, std::string_view by, Duration window) const {
  return fmt::format("sum by ({}) (max_over_time({}[{}]))", by, Of(counter), Window(window));
}

std::string Queries::NowOf(const std::string& counter, std::string_view by) const {
  return fmt::format("sum by ({}) ({})", by, Of(counter));
}

std::string Queries::MissedNow() const {
  return fmt::format("{} - {}", NowOf("pg_tls_established_sessions_total", "database"),
                     NowOf("pg_tls_sampled_sessions_total", "database"));
}

std::string Queries::Missed(Duration window, Duration step) const {
  return fmt::format("max_over_time(({})[{}:{}])", MissedNow(), Window(window), Millis(step));
}

std::string Queries::Has(std::string_view metric, Duration window) const {
  return fmt::format("count(present_over_time({}[{}]))", Of(metric), Window(window));
}

std::string Queries::Clients(std::string_view gauge, Duration window) const {
  return fmt::format("max by ({}) (max_over_time({}{{{}}}[{}]))", kClient, gauge, server_, Window(window));
}

std::string Queries::ClientsNow(std::string_view gauge) const {
  return fmt::format("max by ({}) ({}{{{}}})", kClient, gauge, server_);
}

std::string Queries::Certificates(std::string_view bound, Duration window, Duration step) const {
  const std::string served = server_ + ",source=\"served\",position=\"0\"";
  return fmt::format(
      "max by (host, subject, issuer, serial, fingerprint_sha256, key_algorithm, key_size) (max_over_time(("
      "max by (job, instance, host, subject, issuer, serial, fingerprint_sha256, key_algorithm, key_size)"
      " (pg_tls_certificate_info{{{0}}}) * on (job, instance, host, subject) group_left () "
      "max by (job, instance, host, subject) (pg_tls_certificate_{1}_timestamp_seconds{{{0}}}))[{2}:{3}]))",
      served, bound, Window(window), Millis(step));
}

std::string Queries::Exemptions(Duration window) const {
  return fmt::format("max by (exemption) (last_over_time(pg_tls_policy_exemption_end_timestamp_seconds{{{}}}[{}]))",
                     server_, Window(window));
}

std::string Queries::ExemptionsInForce(Duration window) const {
  return fmt::format(
      "max by (exemption) (present_over_time(pg_tls_policy_exempted_connections_by_exemption{{{}}}[{}]))", server_,
      Window(window));
}

std::string Queries::ExemptedClients(Duration window) const {
  return fmt::format(
      "max by (exemption, database, user, client_addr) (max_over_time(pg_tls_policy_exempted_connections{{{}}}[{}]))",
      server_, Window(window));
}

std::vector<std::pair<std::string, std::string>> QueryList(std::string_view server) {
  const Queries of(server, {"JOB", "INSTANCE"});
  const Duration hour = std::chrono::hours(1);
  const Duration day = std::chrono::hours(24);
  const Duration minutes = std::chrono::minutes(5);
  return {
      {"exporters of the server", Queries::Exporters(server, hour)},
      {"when all sessions were known (the value is the time of the sample)", of.Good(true)},
      {"when its sessions were last collected", of.Collected()},
      {"when the session counters started at 0", of.CountedSince()},
      {"losses of the session counters", of.Losses()},
      {"why not all sessions were known", of.WhyNot(true)},
      {"sessions that the server counted", of.LastOf("pg_tls_established_sessions_total", "", day)},
      {"sessions that samples had", of.LastOf("pg_tls_sessions_total", "network, encryption", day)},
      {"sessions that no sample had", of.Missed(hour, minutes)},
      {"unencrypted sessions", of.LastOf("pg_tls_unencrypted_sessions_total", "network, allowed", day)},
      {"unencrypted connections at a time", of.MostOpen(day)},
      {"unencrypted sessions in the log",
       of.LastOf("pg_tls_logged_unencrypted_sessions_total", "network, allowed", day)},
      {"sessions in the log", of.LastOf("pg_tls_logged_sessions_total", "encryption", day)},
      {"when the log was not followed", of.NotLogged(true)},
      {"unencrypted clients", of.Clients("pg_tls_unencrypted_connections", day)},
      {"unencrypted clients in the log", of.Clients("pg_tls_logged_unencrypted_clients", day)},
      {"exemptions with an end", of.Exemptions(day)},
      {"exemptions in force", of.ExemptionsInForce(day)},
      {"clients that an exemption allowed", of.ExemptedClients(day)},
      {"certificates that were served", of.Certificates("not_after", day, minutes)},
      {"start of their validity", of.Certificates("not_before", day, minutes)},
  };
}

}  // namespace pgtls::evidence
