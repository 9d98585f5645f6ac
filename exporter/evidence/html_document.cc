#include <string>

#include "exporter/base/text.h"
#include "exporter/evidence/document.h"
#include "exporter/evidence/words.h"
#include "exporter/report/page.h"
#include "exporter/status/html.h"

namespace pgtls::evidence {
namespace {

using status::Html;
using status::Markup;

Markup ColourOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kProven:
      return "good";
    case Verdict::kUnencrypted:
      return "bad";
    case Verdict::kNotProven:
      return "unknown";
  }
  return "";
}

void Begin(Markup head, Html& html) { html << "<section><table><thead><tr>" << head << "</tr></thead><tbody>\n"; }

void End(Html& html) { html << "</tbody></table></section>\n"; }

void Gaps(const ServerEvidence& server, Html& html) {
  if (server.gaps.empty()) return;
  html << "<h3>Gaps: not proven</h3>\n";
  Begin("<th>Begin</th><th>End</th><th>Length</th><th>Reason</th>", html);
  for (const Gap& gap : server.gaps) {
    html << "<tr>";
    report::Cell("Begin", DateText(gap.range.begin), html);
    report::Cell("End", DateText(gap.range.end), html);
    report::Cell("Length", LengthText(gap.range.length()), html);
    report::Cell("Reason", ReasonsText(gap), html);
    html << "</tr>\n";
  }
  End(html);
}

void Exporters(const ServerEvidence& server, Html& html) {
  if (server.exporters.empty()) return;
  html << "<h3>Sessions</h3>\n";
  Begin("<th>Exporter</th><th>What</th><th>Figure</th>", html);
  for (const ExporterEvidence& exporter : server.exporters) {
    for (const auto& [what, figure] : FiguresOf(exporter, server.period)) {
      html << "<tr>";
      report::Cell("Exporter", exporter.exporter.job + "/" + exporter.exporter.instance, html);
      report::Cell("What", what, html);
      report::Cell("Figure", figure, html);
      html << "</tr>\n";
    }
  }
  End(html);
}

void Clients(const ServerEvidence& server, Html& html) {
  if (server.clients.empty()) return;
  html << "<h3>Unencrypted clients</h3>\n";
  Begin("<th>Client</th><th>Network</th><th>Exemption</th><th>Found in</th><th>Most</th><th>From</th><th>To</th>",
        html);
  for (const Client& client : server.clients) {
    html << "<tr>";
    report::Cell("Client", ClientText(client), html);
    report::Cell("Network", client.network, html);
    report::Cell("Exemption", client.allowed ? "allowed" : "not allowed", html);
    report::Cell("Found in", client.logged ? "log" : "samples", html);
    report::Cell("Most", std::to_string(client.most), html);
    report::Cell("From", DateText(client.seen.begin), html);
    report::Cell("To", DateText(client.seen.end), html);
    html << "</tr>\n";
  }
  End(html);
}

void Exemptions(const ServerEvidence& server, Html& html) {
  if (server.exemptions.empty()) return;
  html << "<h3>Exemptions with an end</h3>\n";
  Begin("<th>Exemption</th><th>End</th>", html);
  for (const Exemption& exemption : server.exemptions) {
    html << "<tr>";
    report::Cell("Exemption", exemption.name, html);
    report::Cell("End", DateText(exemption.end), html);
    html << "</tr>\n";
  }
  End(html);
}

void ExemptionsInForce(const ServerEvidence& server, Html& html) {
  if (server.in_force.empty()) return;
  html << "<h3>Exemptions in force</h3>\n";
  Begin("<th>Exemption</th><th>End</th><th>In force</th><th>Used by</th><th>Most</th><th>Used</th>", html);
  for (const ExemptionInForce& exemption : server.in_force) {
    const auto row = [&](const std::string& used_by, const std::string& most, const std::string& used) {
      html << "<tr>";
      report::Cell("Exemption", exemption.name, html);
      report::Cell("End", exemption.end ? DateText(*exemption.end) : "none", html);
      report::Cell("In force", RangeText(exemption.in_force), html);
      report::Cell("Used by", used_by, html);
      report::Cell("Most", most, html);
      report::Cell("Used", used, html);
      html << "</tr>\n";
    };
    if (exemption.clients.empty()) row("not used in samples", "", "");
    for (const ExemptedClient& client : exemption.clients)
      row(ClientText(client), std::to_string(client.most), RangeText(client.seen));
  }
  End(html);
}

void Certificates(const ServerEvidence& server, Html& html) {
  if (server.certificates.empty()) return;
  html << "<h3>Certificates that were served</h3>\n";
  Begin("<th>Subject</th><th>Issuer</th><th>Serial</th><th>Key</th><th>Valid</th><th>Served</th>", html);
  for (const Certificate& certificate : server.certificates) {
    html << "<tr>";
    report::Cell("Subject", certificate.subject + (certificate.host.empty() ? "" : " for " + certificate.host), html);
    report::Cell("Issuer", certificate.issuer, html);
    report::Cell("Serial", certificate.serial, html);
    report::Cell("Key", certificate.key, html);
    report::Cell("Valid", ValidityText(certificate), html);
    report::Cell("Served", RangeText(certificate.seen), html);
    html << "</tr>\n";
  }
  End(html);
}

void ListOf(const std::vector<std::string>& lines, Html& html) {
  if (lines.empty()) return;
  html << "<ul>";
  for (const std::string& line : lines) (html << "<li>").Text(line, report::kMostBytes) << "</li>";
  html << "</ul>\n";
}

void QueriesOf(const ServerEvidence& server, Html& html) {
  html
      << "<h3>How it was obtained</h3>\n<p>These queries, with each exporter's JOB and INSTANCE, and with the times of "
         "the period.</p>\n";
  Begin("<th>What</th><th>Query</th>", html);
  for (const auto& [what, query] : QueryList(server.server)) {
    html << "<tr>";
    report::Cell("What", what, html);
    (html << "<td data-label=\"Query\"><div class=\"code\">").Text(query, 4000) << "</div></td></tr>\n";
  }
  End(html);
}

void Server(const ServerEvidence& server, Html& html) {
  const Verdict verdict = Judge(server);
  const Duration observed = Length(server.observed);
  (html << "<h2>").Name(server.server) << " ";
  report::Badge(ColourOf(verdict), ToString(verdict), html);
  (html << "</h2>\n<p>").Text(Meaning(server)) << "</p>\n";
  ListOf(Grounds(server), html);
  (html << "<p>Observed: ")
          .Text(LengthText(observed) + " of " + LengthText(server.period.length()) + " (" +
                ShareText(observed, server.period.length()) + ")")
      << "</p>\n";
  Gaps(server, html);
  Clients(server, html);
  Exemptions(server, html);
  ExemptionsInForce(server, html);
  Exporters(server, html);
  Certificates(server, html);
  ListOf(Remarks(server), html);
  QueriesOf(server, html);
}

}  // namespace

std::string HtmlDocument(const Evidence& evidence) {
  Html html;
  report::BeginPage("Encryption of PostgreSQL sessions", RangeText(evidence.period), html);
  for (const ServerEvidence& server : evidence.servers) Server(server, html);
  (html << "</main><footer><p>Made by pg_tls_exporter from ").Text(evidence.source) << ", ";
  html.Text(DateText(evidence.made)) << ". A time in which the server was not observed is not proven.</p></footer>"
                                        "</body></html>\n";
  return html.Take();
}

}  // namespace pgtls::evidence
