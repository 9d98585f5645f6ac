#include "exporter/evidence/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "exporter/base/date.h"
#include "exporter/base/text.h"

namespace pgtls::evidence {
namespace {

constexpr std::size_t kMaxName = 200;

std::string CountsText(const Counts& counts) {
  std::string text;
  for (const auto& [key, count] : counts) {
    if (count == 0) continue;
    text += fmt::format("{}{} {} {}", text.empty() ? "" : ", ", count, Printable(key.first, kMaxName),
                        Printable(key.second, kMaxName));
  }
  return text.empty() ? "none" : text;
}

// {network, allowed}
std::string UnencryptedText(const Counts& counts) {
  Counts words;
  for (const auto& [key, count] : counts) words[{key.first, key.second == "true" ? "allowed" : "not allowed"}] += count;
  return CountsText(words);
}

std::string ClientText(const std::string& user, const std::string& database, const std::string& address) {
  return Printable(fmt::format("user {}, {}, from {}", user, database.empty() ? "replication" : "database " + database,
                               address.empty() ? "an unknown address" : address));
}

}  // namespace

std::string DateText(Time time) { return Date(std::chrono::floor<std::chrono::seconds>(time)); }

std::string RangeText(TimeRange range) { return DateText(range.begin) + " to " + DateText(range.end); }

std::string LengthText(Duration length) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  constexpr std::array kUnits = {Unit{86'400, "d"}, Unit{3600, "h"}, Unit{60, "min"}, Unit{1, "s"}};
  // A second that has begun counts.
  std::int64_t rest = std::chrono::ceil<std::chrono::seconds>(length).count();
  std::string text;
  int shown = 0;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = rest / unit.seconds;
    rest %= unit.seconds;
    if (shown > 0) ++shown;
    if (count > 0 && shown < 3) {
      text += fmt::format("{}{} {}", text.empty() ? "" : " ", count, unit.name);
      shown = std::max(shown, 1);
    }
  }
  return text.empty() ? "0 s" : text;
}

std::string ShareText(Duration part, Duration whole) {
  if (whole.count() <= 0) return "0 %";
  const double share = static_cast<double>(part.count()) / static_cast<double>(whole.count());
  return part >= whole ? "100 %" : fmt::format("{:.2f} %", std::floor(share * 10'000) / 100);
}

std::string ReasonsText(const Gap& gap) {
  std::vector<std::pair<std::string, std::string>> exporters;  // of each reason
  for (const Reason& reason : gap.reasons) {
    const std::string words = Words(reason);
    const bool named = !reason.exporter.instance.empty();
    const std::string name = named ? Printable(reason.exporter.job + "/" + reason.exporter.instance, kMaxName) : "";
    const auto found = std::ranges::find(exporters, words, [](const auto& one) { return one.first; });
    if (found == exporters.end()) {
      exporters.emplace_back(words, name);
    } else {
      found->second += ", " + name;
    }
  }
  std::string text;
  for (const auto& [words, names] : exporters) {
    text += (text.empty() ? "" : "; ") + words;
    if (!names.empty()) text += " [" + names + "]";
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> FiguresOf(const ExporterEvidence& exporter, TimeRange period) {
  std::vector<std::pair<std::string, std::string>> figures;
  const Duration observed = Length(exporter.observed);
  figures.emplace_back("Observed", LengthText(observed) + " (" + ShareText(observed, period.length()) + ")");
  figures.emplace_back("Sessions by the server's own count",
                       exporter.established ? std::to_string(*exporter.established) : "not known");
  if (exporter.established) figures.emplace_back("Of these, in no sample", std::to_string(exporter.missed));
  if (exporter.losses > 0) figures.emplace_back("Losses of that count", std::to_string(exporter.losses));
  figures.emplace_back("Sessions in samples", CountsText(exporter.seen));
  figures.emplace_back("Unencrypted in samples", UnencryptedText(exporter.unencrypted));
  if (!exporter.logged) {
    figures.emplace_back("Sessions in the server's log", "not followed");
    return figures;
  }
  figures.emplace_back("Sessions in the server's log",
                       std::to_string(*exporter.logged) + (exporter.follows_log ? "" : " (not followed all the time)"));
  if (exporter.logged_unknown > 0)
    figures.emplace_back("Of these, encryption not known", std::to_string(exporter.logged_unknown));
  figures.emplace_back("Unencrypted in the log", UnencryptedText(exporter.logged_unencrypted));
  return figures;
}

std::string ClientText(const Client& client) { return ClientText(client.user, client.database, client.address); }

std::string ClientText(const ExemptedClient& client) {
  return ClientText(client.user, client.database, client.address);
}

std::string ValidityText(const Certificate& certificate) {
  const std::string begin = certificate.not_before ? "from " + DateText(*certificate.not_before) + " " : "";
  return begin + "until " + DateText(certificate.not_after);
}

std::string_view Meaning(const ServerEvidence& server) {
  switch (Judge(server)) {
    case Verdict::kProven:
      return IsLogged(server)
                 ? "Every session from another host was encrypted or allowed by an exemption, at all times."
                 : "Every session from another host that is in the server's session count was encrypted or allowed by "
                   "an "
                   "exemption, at all times.";
    case Verdict::kUnencrypted:
      return "Sessions from other hosts were not encrypted, and no exemption allows that.";
    case Verdict::kNotProven:
      return "No session is known that was not encrypted or allowed, but not all are known.";
  }
  return "";
}

std::vector<std::string> Remarks(const ServerEvidence& server) {
  std::vector<std::string> remarks;
  if (server.resolution.count() > 0) {
    remarks.push_back(
        fmt::format("What is shorter than the scrape interval of {} may be in no gap; sessions that began "
                    "in that time are counted all the same.",
                    LengthText(server.resolution)));
  }
  if (!server.exporters.empty() && !IsLogged(server)) {
    remarks.emplace_back(
        "The server's log was not followed all the time, or does not contain every session. Replication sessions, and "
        "sessions in a database that was created and dropped, are unknown if they began and ended between two "
        "collections.");
  }
  if (server.exporters.size() > 1)
    remarks.emplace_back("Several exporters reported a server of this name. It was observed while one of them did.");
  if (std::ranges::any_of(server.clients, [](const Client& client) { return client.network == "loopback"; }))
    remarks.emplace_back("Connections over loopback do not leave the machine. They are listed, and not judged.");
  if (!server.in_force.empty())
    remarks.emplace_back(
        "Who used an exemption is known from samples of open connections: shorter ones may be missing.");
  const auto was_allowed = [](const Client& client) { return client.allowed && !client.logged; };
  if (server.in_force.empty() && std::ranges::any_of(server.clients, was_allowed))
    remarks.emplace_back("Which exemptions were in force is not known.");
  return remarks;
}

}  // namespace pgtls::evidence
