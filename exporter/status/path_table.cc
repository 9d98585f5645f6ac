#include <string_view>

#include "exporter/status/cells.h"
#include "exporter/status/tables.h"

namespace pgtls::status {
namespace {

// The verdict on all hops together.
Remark Verdict(Level level) {
  switch (level) {
    case Level::kGood:
      return {level, "encrypted"};
    case Level::kNote:
      return {level, "see hops"};
    case Level::kWarning:
      return {level, "weak"};
    case Level::kUnknown:
      return {level, "not known"};
    case Level::kBad:
      return {level, "not protected"};
  }
  return {Level::kUnknown, "not known"};
}

void Hop(const Remark& remark, Markup label, Html& html) {
  const Cell cell(html, label);
  if (remark.level == Level::kGood) {
    html.Text(remark.text);
  } else {
    Badge(remark, html);
  }
}

}  // namespace

void PathTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  if (view.paths.rows.empty()) return;
  Section section(html, "paths", "Through poolers", "each hop from the clients to the server, the worst first");
  section.Head({"Pooler", "Database", "Overall", "Clients to pooler", "Pooler to server", "Seen by the server"});
  for (const PathRow& row : view.paths.rows) {
    html << "<tr>";
    {
      const Cell cell(html, "Pooler", "k");
      ServerLink(row.pooler, frame, html);
    }
    {
      const Cell cell(html, "Database");
      TextOrNone(row.database, html);
    }
    {
      const Cell cell(html, "Overall");
      Badge(Verdict(row.level), html);
    }
    Hop(row.clients, "Clients to pooler", html);
    Hop(row.link, "Pooler to server", html);
    Hop(row.servers, "Seen by the server", html);
    html << "</tr>\n";
  }
  section.Foot();
  LeftOut(view.paths.left_out, "database", frame, html);
}

}  // namespace pgtls::status
