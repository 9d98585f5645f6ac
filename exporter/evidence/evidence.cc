#include "exporter/evidence/evidence.h"

#include <fmt/format.h>

#include <algorithm>

#include "exporter/base/text.h"

namespace pgtls::evidence {
namespace {

std::uint64_t At(const Counts& counts, const char* first, const char* second) {
  const auto found = counts.find({first, second});
  return found == counts.end() ? 0 : found->second;
}

std::uint64_t UnknownEncryption(const ExporterEvidence& exporter) {
  std::uint64_t unknown = 0;
  for (const auto& [key, count] : exporter.seen) {
    if (key.second == "unknown") unknown += count;
  }
  return unknown;
}

bool IsWhole(const ExporterEvidence& exporter, const ServerEvidence& server) {
  return Covers(exporter.observed, server.observed);
}

// An exporter that missed nothing is enough if it always watched; otherwise each must have missed nothing while it did.
bool EverySessionIsKnown(const ServerEvidence& server) {
  const auto knows_all = [](const ExporterEvidence& exporter) {
    return exporter.observed.empty() || exporter.KnowsAll();
  };
  return std::ranges::any_of(server.exporters,
                             [&](const auto& exporter) { return IsWhole(exporter, server) && exporter.KnowsAll(); }) ||
         std::ranges::all_of(server.exporters, knows_all);
}

// Those of the log are counted: its gauge also has who came shortly before the period.
bool IsBad(const Client& client) { return !client.logged && client.network == "remote" && !client.allowed; }

std::string Where(const Exporter& exporter) { return Printable(exporter.job + "/" + exporter.instance, 200); }

void AddMissing(const ExporterEvidence& exporter, std::vector<std::string>& grounds) {
  if (exporter.KnowsAll()) return;
  const std::string who = Where(exporter.exporter);
  if (!exporter.established) {
    grounds.push_back(fmt::format(
        "{}: sessions that began and ended between two samples are not known, because the server does not count its "
        "sessions.",
        who));
  } else if (exporter.missed > 0) {
    grounds.push_back(fmt::format("{}: {} of {} were in no sample: whether they were encrypted is not known.", who,
                                  exporter.missed, Counted(*exporter.established, "session")));
  }
  if (exporter.losses > 0) {
    grounds.push_back(fmt::format(
        "{}: the server's own count may have lost sessions {}: its statistics were reset, or a database was dropped.",
        who, exporter.losses == 1 ? "once" : fmt::format("{} times", exporter.losses)));
  }
  const std::uint64_t unknown = UnknownEncryption(exporter);
  if (unknown > 0)
    grounds.push_back(fmt::format("{}: the encryption of {} is not known.", who, Counted(unknown, "session")));
  if (exporter.logged_unknown > 0) {
    grounds.push_back(fmt::format("{}: the log does not prove the encryption of {}.", who,
                                  Counted(exporter.logged_unknown, "session")));
  } else if (exporter.follows_log && !exporter.LogHasAll()) {
    grounds.push_back(fmt::format("{}: the log has {}, fewer than the server counted.", who,
                                  Counted(exporter.logged.value_or(0), "session")));
  }
}

}  // namespace

std::string Words(const Reason& reason) {
  if (reason.why == "no_samples") return "Prometheus has no samples";
  if (reason.why == "exporter_down") return "the exporter could not be scraped";
  if (reason.why == "exporter_restarted") return "the exporter was restarted, or the server was added again";
  if (reason.why == "server_restarted") return "the server restarted after a crash, or a different server answered";
  if (reason.why == "server_changed") return "a different server answered";
  if (reason.why == "statistics_reset") return "the server's statistics were reset, or one of its processes crashed";
  if (reason.why == "database_dropped") return "a database was dropped, and its session count with it";
  if (reason.why == "clock_ahead") return "the exporter's clock was ahead of Prometheus'";
  if (reason.why == "server_down") return "the server did not answer";
  if (reason.why == "exporter_ambiguous") return "several exporters have the same job and instance";
  const std::string detail = reason.detail.empty() ? "" : " (" + Printable(reason.detail, 100) + ")";
  if (reason.why == "sessions_failed") return "the sessions collector failed" + detail;
  if (reason.why == "sessions_incomplete") {
    return "the sessions collector did not see everything: " + Printable(reason.part, 100) + detail;
  }
  if (reason.why == "sessions_stale") return "the data of the sessions collector were outdated";
  if (reason.why == "sessions_absent") return "no sessions were counted";
  return reason.why;
}

bool ExporterEvidence::KnowsAll() const {
  return UnknownEncryption(*this) == 0 && ((established && missed == 0 && losses == 0) || LogHasAll());
}

bool ExporterEvidence::LogHasAll() const {
  if (!follows_log || !logged || logged_unknown > 0) return false;
  // A log without sessions may be one whose series Prometheus drops.
  if (!established) return *logged > 0 || seen.empty();
  // A log that has less is another server's. It and the statistics are not read at the same moment: the sessions of a
  // minute may be missing, but never more than one in a hundred.
  const auto minutes = static_cast<std::uint64_t>(Length(observed) / std::chrono::minutes(1));
  return *logged + *established / std::max<std::uint64_t>(minutes, 100) >= *established;
}

bool IsLogged(const ServerEvidence& server) {
  return std::ranges::any_of(server.exporters,
                             [&](const auto& exporter) { return IsWhole(exporter, server) && exporter.LogHasAll(); });
}

std::string_view ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kProven:
      return "proven";
    case Verdict::kUnencrypted:
      return "unencrypted";
    case Verdict::kNotProven:
      return "not proven";
  }
  return "";
}

Verdict Judge(const ServerEvidence& server) {
  const bool unencrypted = std::ranges::any_of(server.clients, IsBad) ||
                           std::ranges::any_of(server.exporters, [](const ExporterEvidence& exporter) {
                             return At(exporter.unencrypted, "remote", "false") > 0 || exporter.most_open > 0 ||
                                    At(exporter.logged_unencrypted, "remote", "false") > 0;
                           });
  if (unencrypted) return Verdict::kUnencrypted;
  if (!server.known || !server.gaps.empty() || server.observed.empty() || !EverySessionIsKnown(server)) {
    return Verdict::kNotProven;
  }
  return Verdict::kProven;
}

std::vector<std::string> Grounds(const ServerEvidence& server) {
  std::vector<std::string> grounds;
  for (const ExporterEvidence& exporter : server.exporters) {
    const std::uint64_t seen = At(exporter.unencrypted, "remote", "false");
    const std::uint64_t logged = At(exporter.logged_unencrypted, "remote", "false");
    if (seen > 0) {
      grounds.push_back(fmt::format("{}: {} from other hosts began unencrypted, and no exemption allows that.",
                                    Where(exporter.exporter), Counted(seen, "session")));
    }
    if (logged > 0) {
      grounds.push_back(fmt::format("{}: the server's log has {} from other hosts without encryption or exemption.",
                                    Where(exporter.exporter), Counted(logged, "session")));
    }
  }
  const auto bad = static_cast<std::size_t>(std::ranges::count_if(server.clients, IsBad));
  for (const ExporterEvidence& exporter : server.exporters) {
    if (bad == 0 && exporter.most_open > 0) {
      grounds.push_back(
          fmt::format("{}: {} from other hosts at a time, unencrypted and without an exemption. No sample names the "
                      "client.",
                      Where(exporter.exporter), Counted(exporter.most_open, "connection")));
    }
  }
  if (bad > 0) grounds.push_back(fmt::format("{} connected unencrypted without an exemption.", Counted(bad, "client")));
  if (!server.known) {
    grounds.emplace_back("Prometheus has no samples of this server in the period: nothing is proven.");
    return grounds;
  }
  if (!server.gaps.empty()) {
    grounds.push_back(fmt::format("The server was not observed all the time: {}, of which nothing is proven.",
                                  Counted(server.gaps.size(), "gap")));
  }
  if (!EverySessionIsKnown(server)) {
    for (const ExporterEvidence& exporter : server.exporters) AddMissing(exporter, grounds);
  }
  return grounds;
}

int ExitCode(const Evidence& evidence) {
  bool proven = true;
  for (const ServerEvidence& server : evidence.servers) {
    const Verdict verdict = Judge(server);
    if (verdict == Verdict::kUnencrypted) return 1;
    if (verdict != Verdict::kProven) proven = false;
  }
  return proven ? 0 : 3;
}

}  // namespace pgtls::evidence
