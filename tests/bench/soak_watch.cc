#include "tests/bench/soak_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "collectors/registry.h"
#include "tests/support/process.h"

namespace pgtls::bench {
namespace {

// Seconds between a run's end and the moment that the page gives for it.
constexpr double kSlack = 1;
// How long a collector's last success may be past its interval: the runs of a lane wait for each other, each connects
// and times out or waits as long for its turn, and the machine is busy. What runs on fresh connections connects more
// often.
constexpr double kPatience = 16;
constexpr double kPatienceWithOthers = 28;

// Of several collectors: it says nothing about one of them.
constexpr const char* kShared = "pg_tls_folded_connections";

// What the storm must give occasion to see.
constexpr const char* kUnencryptedIsThere = "an open unencrypted client is on the page";
constexpr const char* kTlsIsThere = "an open TLS client is on the page";
constexpr const char* kTotalIsRight = "a session that a collection saw is in the total, once";
constexpr const char* kOutageIsTold = "a server that does not answer is said to fail";
constexpr const char* kLongOutageIsTold = "a server that has not answered for long is said to fail";
constexpr const char* kCertificateIsRight = "the served certificate on the page is the one in force";
constexpr const char* kVerdictIsRight = "a certificate of another authority, and no other, is called unverified";

// Without `local`: a Unix socket is never called unencrypted.
double Unencrypted(const Page& page, const std::string& family, const std::string& server) {
  return page.Sum(family, server, {{"encryption", "none"}}) -
         page.Sum(family, server, {{"encryption", "none"}, {"network", "local"}});
}

bool CoveredBy(const std::vector<Span>& spans, double first, double last) {
  return std::ranges::any_of(spans, [&](const Span& span) { return span.Covers(first, last); });
}

}  // namespace

Watcher::Watcher(std::vector<Place> places, const Exporter& exporter, const History& history, Findings& findings)
    : places_(std::move(places)),
      exporter_(exporter),
      history_(history),
      findings_(findings),
      confirmed_(places_.size()) {
  for (const auto* collector : collectors::All()) {
    for (const auto* desc : collector->descs) {
      if (desc->name != kShared) collector_of_.emplace(desc->name, collector->name);
    }
  }
  for (const char* what :
       {kUnencryptedIsThere, kTlsIsThere, kTotalIsRight, kOutageIsTold, kCertificateIsRight, kVerdictIsRight}) {
    findings_.Expect(what);
  }
}

void Watcher::ExpectLongOutages() { findings_.Expect(kLongOutageIsTold); }

std::optional<Page> Watcher::Look() {
  try {
    Truth truth{};
    truth.asked = Now();
    const std::string text = pages_ % 2 == 0 ? exporter_.Page() : exporter_.CompressedPage();
    truth.came = Now();
    for (std::size_t i = 0; i < history_.clusters; ++i) {
      truth.clients.push_back(history_.clients.All(i));
      truth.certificates.push_back(history_.certificates.All(i));
      truth.outages.push_back(history_.outages.All(i));
      truth.attempts.push_back(history_.clients.Attempts(i));
    }
    ++pages_;
    Page page(text);
    CanBeRead(text, page);
    ExporterIsWell(page);
    CountersNeverFall(page);
    for (std::size_t i = 0; i < places_.size(); ++i) {
      HealthIsTold(page, places_[i], truth);
      SumsAgree(page, places_[i]);
      OutagesAreTold(page, places_[i], truth);
      ClientsAreThere(page, i, truth);
      CertificateIsTheOneServed(page, places_[i], truth);
    }
    return page;
  } catch (const std::exception& error) {
    findings_.Violation("a page comes and can be read", error.what());
    return std::nullopt;
  }
}

void Watcher::CanBeRead(const std::string& text, const Page& page) {
  const auto check = support::RunProcess({"promtool", "check", "metrics"}, {.input = text});
  if (check.exit_code != 0 || !check.out.empty() || !check.err.empty()) {
    findings_.Violation("promtool has nothing to say", std::to_string(check.exit_code) + " " + check.out + check.err);
  }
  for (const auto& series : page.duplicates()) findings_.Violation("a series is on a page once", series);
}

void Watcher::ExporterIsWell(const Page& page) {
  for (const Sample& requests : page.Of("pg_tls_exporter_http_requests_total", "")) {
    // While it started it was not ready, and said so.
    if (requests.Label("code") != "200" && requests.Label("handler") != "ready") {
      findings_.Violation("every request is answered with 200", requests.series);
    }
  }
  const std::set<std::string> own = page.Own();
  own_.insert(own.begin(), own.end());
  for (const auto& family : own_) {
    if (!own.contains(family)) findings_.Violation("what the exporter says about itself stays", family);
  }
  if (page.Value("pg_tls_exporter_config_last_reload_successful", "") != 1) {
    findings_.Violation("the exporter takes its configuration");
  }
}

void Watcher::CountersNeverFall(const Page& page) {
  const auto now = page.Counters();
  for (auto& [series, counter] : counters_) {
    const auto at = now.find(series);
    if (at != now.end()) {
      if (at->second->value < counter.last) {
        findings_.Violation("a counter does not fall",
                            fmt::format("{} from {} to {}", series, counter.last, at->second->value));
      }
    } else if (counter.server.empty() || page.Collected(counter.server, collector_of_[counter.family])) {
      findings_.Violation("a counter stays", series);
    }
  }
  for (const auto& [series, sample] : now) {
    counters_[series] = {.last = sample->value, .family = sample->family, .server = sample->Label("server")};
  }
}

void Watcher::HealthIsTold(const Page& page, const Place& place, const Truth& truth) {
  const auto up = page.Value("pg_tls_up", place.server);
  if (!up) findings_.Violation("every server is on the page", place.server);
  std::map<std::string, std::vector<std::string>> series;
  for (const auto& [family, collector] : collector_of_) {
    for (const Sample& sample : page.Of(family, place.server)) series[collector].push_back(sample.series);
  }
  for (const auto* collector : collectors::All()) {
    const std::string name(collector->name);
    const std::string who = place.server + ", " + name;
    const LabelSet labels = {{"collector", name}};
    const auto success = page.Value("pg_tls_collector_success", place.server, labels);
    const auto reasons = page.Sum("pg_tls_collector_failure_info", place.server, labels);
    if (!success) findings_.Violation("every collector is on the page", who);
    if (reasons != (success == 0 ? 1 : 0)) {
      findings_.Violation("a failure, and nothing else, has one reason", fmt::format("{}: {}", who, reasons));
    }
    if (success != 1) {
      if (!series[name].empty()) {
        findings_.Violation("a collection that failed has no series",
                            fmt::format("{}: {}, {}", who, series[name].size(), series[name].front()));
      }
      continue;
    }
    if (up == 0 && NeedsSql(*collector)) findings_.Violation("SQL fails on a server that is down", who);
    if (series[name].empty() && page.Sum("pg_tls_collector_incomplete_info", place.server, labels) == 0) {
      findings_.Violation("a collection that succeeded has series, or says what is missing", who);
    }
    const auto window = page.Collected(place.server, name);
    const double interval = page.Value("pg_tls_collector_interval_seconds", place.server, labels).value_or(0);
    const double age = truth.asked - (window ? window->ended : 0);
    if (name == "sessions") oldest_s_ = std::max(oldest_s_, age);
    if (age > interval + (name == "sessions" ? kPatience : kPatienceWithOthers)) {
      findings_.Violation("no old result passes for a success", fmt::format("{}: {:.1f} s", who, age));
    }
  }
}

void Watcher::SumsAgree(const Page& page, const Place& place) {
  const std::string& server = place.server;
  const auto agree = [&](const std::string& what, double one, double other) {
    if (one != other) findings_.Violation("sums agree: " + what, fmt::format("{}: {} and {}", server, one, other));
  };
  const double unencrypted = Unencrypted(page, "pg_tls_connections", server);
  agree("unencrypted among all and by client", unencrypted, page.Sum("pg_tls_unencrypted_connections", server));
  agree("unencrypted among all and by network", unencrypted,
        page.Sum("pg_tls_unencrypted_connections_by_network", server));
  agree("TLS among all and by cipher", page.Sum("pg_tls_connections", server, {{"encryption", "tls"}}),
        page.Sum("pg_tls_cipher_connections", server));
  agree("unencrypted sessions among all and by network", Unencrypted(page, "pg_tls_sessions_total", server),
        page.Sum("pg_tls_unencrypted_sessions_total", server));
  if (page.Collected(server, "sessions")) {
    agree("networks that are told at 0 too", 4,
          static_cast<double>(page.Of("pg_tls_unencrypted_connections_by_network", server).size()));
  }
}

void Watcher::OutagesAreTold(const Page& page, const Place& place, const Truth& truth) {
  const auto& outages = truth.outages[place.cluster];
  const auto window = page.Collected(place.server, "sessions");
  if (window && CoveredBy(outages, window->began - kSlack, window->ended)) {
    findings_.Violation(kOutageIsTold, fmt::format("{}: collected from {:.3f} to {:.3f}, when it did not answer",
                                                   place.server, window->began, window->ended));
  }
  if (!window && CoveredBy(outages, truth.asked, truth.came)) findings_.Good(kOutageIsTold);
  if (!window && CoveredBy(outages, truth.asked - kPatience - 1, truth.came)) findings_.Good(kLongOutageIsTold);
}

void Watcher::ClientsAreThere(const Page& page, std::size_t index, const Truth& truth) {
  const auto& [server, cluster] = places_[index];
  const auto window = page.Collected(server, "sessions");
  if (!window) return;
  const auto& spans = truth.clients[cluster];
  auto& confirmed = confirmed_[index];
  confirmed.resize(spans.size());
  std::map<std::string, int> open;
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].Covers(window->began - kSlack, window->ended)) {
      ++open[spans[i].what];
      confirmed[i] = true;
    }
    if (confirmed[i]) ++seen[spans[i].what];
  }
  for (const auto& [what, attempts] : truth.attempts[cluster]) {
    const std::string user = what.substr(0, what.find(' '));
    const std::string encryption = what.substr(what.find(' ') + 1);
    const bool plain = encryption == "none";
    const LabelSet labels = {{"database", "postgres"}, {"user", user}, {"encryption", encryption}};
    double shown = page.Sum("pg_tls_connections", server, labels);
    if (plain) shown = std::min(shown, page.Sum("pg_tls_unencrypted_connections", server, {{"user", user}}));
    const char* there = plain ? kUnencryptedIsThere : kTlsIsThere;
    if (shown < open[what]) {
      findings_.Violation(there, fmt::format("{}: {} of {}, {} on the page", server, open[what], what, shown));
    } else if (open[what] > 0) {
      findings_.Good(there);
    }
    const double total = page.Sum("pg_tls_sessions_total", server, labels);
    if (total < seen[what] || total > attempts) {
      findings_.Violation(kTotalIsRight,
                          fmt::format("{}: {} of {}, {} seen, {} at most", server, total, what, seen[what], attempts));
    } else if (seen[what] > 0) {
      findings_.Good(kTotalIsRight);
    }
  }
  // Nobody of the fleet's own clients, who were there before the exporter, ever comes again.
  for (const Sample& sample : page.Of("pg_tls_sessions_total", server)) {
    if (sample.Label("user").starts_with("bench") && sample.value != 0) {
      findings_.Violation("sessions from before the exporter are not counted", sample.series);
    }
  }
}

void Watcher::CertificateIsTheOneServed(const Page& page, const Place& place, const Truth& truth) {
  const std::string& server = place.server;
  const auto served = page.Collected(server, "certificates");
  const auto judged = page.Collected(server, "endpoint");
  const auto chain = page.Value("pg_tls_certificate_verified", server, {{"check", "chain"}});
  for (const Span& span : truth.certificates[place.cluster]) {
    const InstalledCertificate installed = ParseInstalled(span.what);
    if (served && span.Covers(served->began - kSlack, served->ended)) {
      // None where the server did not answer at that moment. Afterwards there must be one: EverythingIsBack().
      for (const Sample& leaf : page.Of("pg_tls_certificate_info", server)) {
        if (!leaf.Has({{"source", "served"}, {"position", "0"}})) continue;
        if (leaf.Label("fingerprint_sha256") == installed.fingerprint) {
          findings_.Good(kCertificateIsRight);
        } else {
          findings_.Violation(kCertificateIsRight, leaf.series);
        }
      }
    }
    if (!judged || !chain || !span.Covers(judged->began - kSlack, judged->ended)) continue;
    if (*chain != (installed.trusted ? 1 : 0)) {
      findings_.Violation(kVerdictIsRight, fmt::format("{}: {} for {}", server, *chain, span.what));
    } else if (!installed.trusted) {
      findings_.Good(kVerdictIsRight);
    }
  }
}

}  // namespace pgtls::bench
