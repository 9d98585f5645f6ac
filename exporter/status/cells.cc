#include "exporter/status/cells.h"

#include <fmt/format.h>

#include "exporter/base/date.h"
#include "exporter/base/text.h"
#include "exporter/status/server_facts.h"

namespace pgtls::status {

Markup ClassOf(Level level) {
  switch (level) {
    case Level::kGood:
      return "good";
    case Level::kNote:
      return "note";
    case Level::kWarning:
      return "warning";
    case Level::kUnknown:
      return "unknown";
    case Level::kBad:
      return "bad";
  }
  return "unknown";
}

std::string_view WordOf(Level level) {
  switch (level) {
    case Level::kGood:
      return "OK";
    case Level::kNote:
      return "with notes";
    case Level::kWarning:
      return "with warnings";
    case Level::kUnknown:
      return "not known";
    case Level::kBad:
      return "failing";
  }
  return "not known";
}

void Badge(const Remark& remark, Html& html) {
  (html << "<span class=\"badge " << ClassOf(remark.level) << "\">").Text(remark.text) << "</span> ";
}

void ServerId(const std::string& name, Html& html) { (html << " id=\"server-").QueryValue(name) << "\""; }

void ServerLink(const std::string& name, const StatusFrame& frame, Html& html) {
  (html << "<a href=\"?server=").QueryValue(name);
  if (!frame.refreshes) html << "&amp;refresh=off";
  (html << "\">").Name(name) << "</a>";
}

void Number(std::size_t number, Html& html) { html.Text(std::to_string(number)); }

void TextOrNone(const std::string& text, Html& html) {
  if (text.empty()) {
    html << "<span class=\"quiet\">–</span>";
  } else {
    html.Name(text);
  }
}

void LeftOut(std::size_t count, std::string_view what, const StatusFrame& frame, Html& html) {
  if (count == 0) return;
  (html << "<p><strong>").Text(fmt::format("{} not shown", Counted(count, what)))
      << "</strong>, the least urgent ones."
      << (frame.narrowed ? Markup("") : Markup(" A server's own page has more; the metrics have all.")) << "</p>\n";
}

void NotKnownOn(const BoundedList<UnknownOn>& unknown, Markup what, const StatusFrame& frame, Html& html) {
  if (unknown.rows.empty()) return;
  html << "<p><span class=\"badge unknown\">not known</span> " << what << " on ";
  bool first = true;
  for (const auto& [server, why] : unknown.rows) {
    if (!first) html << "; ";
    first = false;
    ServerLink(server, frame, html);
    (html << " (").Text(why) << ")";
  }
  if (unknown.left_out > 0) (html << " and ").Text(Counted(unknown.left_out, "more server"));
  html << ".</p>\n";
}

void AgeOf(const std::optional<std::chrono::seconds>& age, Html& html) { html.Text(age ? AgeText(*age) : "–"); }

}  // namespace pgtls::status
