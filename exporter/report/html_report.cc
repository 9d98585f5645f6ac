#include <algorithm>
#include <array>
#include <string>

#include "exporter/base/date.h"
#include "exporter/report/page.h"
#include "exporter/report/report.h"
#include "exporter/status/html.h"

namespace pgtls::report {
namespace {

using audit::Finding;
using audit::ServerReport;
using audit::Severity;
using status::Html;
using status::Markup;

Markup ClassOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFail:
      return "bad";
    case Verdict::kNotLookedAt:
      return "unknown";
    case Verdict::kPass:
      return "good";
    case Verdict::kNotApplicable:
      return "note";
  }
  return "";
}

Markup ClassOf(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
      return "bad";
    case Severity::kWarning:
      return "warning";
    case Severity::kNote:
      return "note";
    case Severity::kFine:
      return "good";
  }
  return "";
}

void Lines(const std::vector<std::string>& lines, Html& html) {
  if (lines.empty()) return;
  html << "<ul class=\"lines code\">";
  for (const std::string& line : lines) (html << "<li>").Name(line, kMostBytes) << "</li>";
  html << "</ul>";
}

void Controls(const Assessment& server, Html& html) {
  html << "<section><table><thead><tr><th>Control</th><th>Verdict</th><th>What is asked, and the evidence</th>"
          "<th>Obtained by</th></tr></thead><tbody>";
  for (const Judged& judged : server.controls) {
    html << "<tr>";
    Cell("Control", judged.control->id, html);
    html << "<td data-label=\"Verdict\"><div>";
    Badge(ClassOf(judged.verdict), ToString(judged.verdict), html);
    (html << "</div></td><td data-label=\"Evidence\"><div>").Text(judged.control->title);
    Lines(judged.evidence, html);
    html << "</div></td>";
    Cell("Obtained by", judged.control->source, html);
    html << "</tr>\n";
  }
  html << "</tbody></table></section>\n";
}

void Labelled(Markup label, std::string_view text, Html& html) {
  if (text.empty()) return;
  (html << "<p>" << label << ": ").Text(text, kMostBytes) << "</p>";
}

void FindingsOf(const ServerReport& server, Html& html) {
  html << "<section><table><thead><tr><th>Severity</th><th>Finding</th><th>Controls</th></tr></thead><tbody>";
  for (const Finding& finding : server.findings) {
    html << "<tr><td data-label=\"Severity\"><div>";
    Badge(ClassOf(finding.severity), ToString(finding.severity), html);
    (html << "</div></td><td data-label=\"Finding\"><div>").Text(finding.title, kMostBytes);
    Lines(finding.evidence, html);
    Labelled("Why", finding.why, html);
    Labelled("Do", finding.remedy, html);
    html << "</div></td><td data-label=\"Controls\"><div>";
    for (const std::string& control : ControlsOf(finding.id)) (html << "<small>").Text(control) << "</small>";
    html << "</div></td></tr>\n";
  }
  html << "</tbody></table></section>\n";
}

}  // namespace

std::string HtmlReport(const std::vector<ServerReport>& reports, const ProfileReport* profile,
                       std::chrono::sys_seconds now) {
  Html html;
  BeginPage(profile == nullptr ? "Encryption of PostgreSQL connections" : profile->profile->title, Date(now), html);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    (html << "<h2>").Name(reports[i].server);
    (html << " <span class=\"quiet\">").Text(reports[i].product) << "</span></h2>\n";
    if (!reports[i].up) html << "<p class=\"bad\">The server did not answer.</p>\n";
    if (profile != nullptr) Controls(profile->servers[i], html);
    FindingsOf(reports[i], html);
  }
  html << "</main><footer><p>Made by pg_tls_exporter from one collection: it says what was seen at this time. What was "
          "not looked at does not count as a pass.</p></footer></body></html>\n";
  return html.Take();
}

}  // namespace pgtls::report
