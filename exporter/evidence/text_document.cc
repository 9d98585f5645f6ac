#include <fmt/format.h>

#include <algorithm>

#include "exporter/base/text.h"
#include "exporter/evidence/document.h"
#include "exporter/evidence/words.h"

namespace pgtls::evidence {
namespace {

// A report is read in a minute; JSON and the page have them all.
constexpr std::size_t kMaxLines = 20;

void AddLines(std::string_view title, const std::vector<std::string>& lines, std::string& text) {
  if (lines.empty()) return;
  text += fmt::format("  {}\n", title);
  for (std::size_t i = 0; i < std::min(lines.size(), kMaxLines); ++i) text += "    " + lines[i] + '\n';
  if (lines.size() > kMaxLines) text += fmt::format("    … and {} more lines\n", lines.size() - kMaxLines);
}

template <typename T, typename Line>
std::vector<std::string> LinesOf(const std::vector<T>& elements, Line line) {
  std::vector<std::string> lines;
  std::ranges::transform(elements, std::back_inserter(lines), line);
  return lines;
}

std::string ClientLine(const Client& client) {
  return fmt::format("{} ({}{}, {}): {} at most, {}", ClientText(client), client.network,
                     client.logged ? ", in the log" : "", client.allowed ? "allowed" : "not allowed", client.most,
                     RangeText(client.seen));
}

std::vector<std::string> ExemptionLines(const std::vector<ExemptionInForce>& exemptions) {
  std::vector<std::string> lines;
  for (const ExemptionInForce& exemption : exemptions) {
    lines.push_back(fmt::format("{}, {}, in force {}{}", Printable(exemption.name),
                                exemption.end ? "until " + DateText(*exemption.end) : "no end",
                                RangeText(exemption.in_force),
                                exemption.clients.empty() ? ": not used in samples" : ""));
    for (const ExemptedClient& client : exemption.clients) {
      lines.push_back(fmt::format("  {}: {} at most, {}", ClientText(client), client.most, RangeText(client.seen)));
    }
  }
  return lines;
}

void AddServer(const ServerEvidence& server, std::string& text) {
  text += fmt::format("\n{}: {}\n  {}\n", Printable(server.server), ToString(Judge(server)), Meaning(server));
  AddLines("Why", Grounds(server), text);
  const Duration observed = Length(server.observed);
  text += fmt::format("  Observed: {} of {} ({})\n", LengthText(observed), LengthText(server.period.length()),
                      ShareText(observed, server.period.length()));
  AddLines("Gaps: not proven",
           LinesOf(server.gaps,
                   [](const Gap& gap) {
                     return fmt::format("{} ({}): {}", RangeText(gap.range), LengthText(gap.range.length()),
                                        ReasonsText(gap));
                   }),
           text);
  for (const ExporterEvidence& exporter : server.exporters) {
    AddLines("Exporter " + Printable(exporter.exporter.job + "/" + exporter.exporter.instance),
             LinesOf(FiguresOf(exporter, server.period),
                     [](const auto& figure) { return figure.first + ": " + figure.second; }),
             text);
  }
  AddLines("Unencrypted clients", LinesOf(server.clients, ClientLine), text);
  AddLines("Exemptions with an end",
           LinesOf(server.exemptions,
                   [](const Exemption& exemption) {
                     return Printable(exemption.name) + ", until " + DateText(exemption.end);
                   }),
           text);
  AddLines("Exemptions in force", ExemptionLines(server.in_force), text);
  AddLines("Certificates that were served",
           LinesOf(server.certificates,
                   [](const Certificate& certificate) {
                     return Printable(fmt::format("{}{}, serial {}, issued by {}", certificate.subject,
                                                  certificate.host.empty() ? "" : " for " + certificate.host,
                                                  certificate.serial, certificate.issuer)) +
                            ": valid " + ValidityText(certificate) + ", served " + RangeText(certificate.seen);
                   }),
           text);
  AddLines("Remarks", Remarks(server), text);
}

}  // namespace

std::string TextDocument(const Evidence& evidence) {
  std::string text =
      fmt::format("Encryption of PostgreSQL sessions\n{} ({})\nFrom {}, asked {}\n", RangeText(evidence.period),
                  LengthText(evidence.period.length()), Printable(evidence.source, 200), DateText(evidence.made));
  for (const ServerEvidence& server : evidence.servers) AddServer(server, text);
  text += "\nHow it was obtained: the queries are in the JSON document and on the page.\n";
  return text;
}

}  // namespace pgtls::evidence
