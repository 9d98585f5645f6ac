#include "exporter/status/page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "exporter/base/date.h"
#include "exporter/base/text.h"
#include "exporter/status/cells.h"
#include "exporter/status/html.h"
#include "exporter/status/server_facts.h"
#include "exporter/status/style.h"
#include "exporter/status/tables.h"

namespace pgtls::status {
namespace {

constexpr Markup kRefreshSeconds = "30";

std::size_t Length(const BoundedList<UnknownOn>& list) { return list.rows.size() + list.left_out; }

// ---- The head

// The tab shows it too. A constant for each level: a data: image is no script.
Markup Icon(Level level) {
#define PGTLS_ICON(colour)                                                                                        \
  "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E" \
  "%3Ccircle cx='8' cy='8' r='7' fill='%23" colour "'/%3E%3C/svg%3E\">"
  switch (level) {
    case Level::kGood:
      return PGTLS_ICON("1a9c57");
    case Level::kNote:
      return PGTLS_ICON("64748b");
    case Level::kWarning:
      return PGTLS_ICON("e09600");
    case Level::kUnknown:
      return PGTLS_ICON("7c5cd6");
    case Level::kBad:
      return PGTLS_ICON("d92d20");
  }
#undef PGTLS_ICON
  return "";
}

void Head(const StatusFrame& frame, Level level, Html& html) {
  html << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">";
  if (frame.refreshes) html << "<meta http-equiv=\"refresh\" content=\"" << kRefreshSeconds << "\">";
  html << "<title>pg_tls_exporter: encryption of PostgreSQL connections</title>" << Icon(level) << "<style>"
       << StyleSheet() << "</style></head>\n<body>";
}

// The query of this very page, but for `refresh`.
void ServersQuery(const StatusView& view, const StatusFrame& frame, Markup first, Html& html) {
  if (!frame.narrowed) return;
  Markup separator = first;
  for (const auto& row : view.servers.rows) {
    (html << separator << "server=").QueryValue(row.name);
    separator = "&amp;";
  }
}

void Header(const StatusView& view, const StatusFrame& frame, Html& html) {
  (html << "<header><div class=\"bar\"><h1>pg_tls_exporter</h1><span class=\"quiet\">").Text(Date(view.now));
  if (frame.refreshes) {
    html << " · refreshes every " << kRefreshSeconds << " s · <a href=\"?refresh=off";
    ServersQuery(view, frame, "&amp;", html);
    html << "\">pause</a>";
  } else {
    html << " · paused · <a href=\"./";
    ServersQuery(view, frame, "?", html);
    html << "\">refresh</a>";
  }
  html << "</span></div><nav aria-label=\"On this page\">";
  if (frame.narrowed)
    html << (frame.refreshes ? Markup("<a href=\"./\">All servers</a>")
                             : Markup("<a href=\"./?refresh=off\">All servers</a>"));
  html << "<a href=\"#servers\">Servers</a><a href=\"#unencrypted\">Unencrypted</a><a "
          "href=\"#certificates\">Certificates</a><a href=\"#sslmode\">sslmode</a><a href=\"#unseen\">Not checked</a>";
  (html << "<a href=\".").Text(frame.telemetry_path);
  ServersQuery(view, frame, "?", html);
  html << "\">Metrics</a></nav></header>\n";
}

// ---- The verdict: about connections first, and never better than the worst server

// "is" of one, "are" of many.
std::string_view Are(std::size_t count) { return count == 1 ? "is" : "are"; }

Level Worst(const StatusView& view) {
  for (std::size_t level = kLevels; level-- > 0;) {
    if (view.by_level[level] > 0) return static_cast<Level>(level);
  }
  return Level::kUnknown;  // no server at all
}

// The first of the table of unencrypted connections.
void WorstGroup(const UnencryptedRow& row, const StatusFrame& frame, Html& html) {
  (html << "<p>First of <a href=\"#unencrypted\">these</a>: user ").Name(row.user, 100) << " from ";
  html.Name(row.client_addr, 100) << " on ";
  ServerLink(row.server, frame, html);
  if (!row.rule.empty()) (html << ", admitted by ").Name(row.rule, 200);
  html << "</p>";
}

void Verdict(const StatusView& view, const StatusFrame& frame, Level level, Html& html) {
  const std::size_t unknown = Length(view.sessions_unknown);
  const std::size_t open = view.counts.unencrypted();
  html << "<div class=\"verdict " << ClassOf(level) << "\" role=\"status\"><p>";
  if (view.servers_in_all == 0) {
    html << "No server is monitored.";
  } else if (open > 0) {
    html.Text(fmt::format("{} {} neither encrypted nor allowed by the policy.", Counted(open, "open TCP connection"),
                          Are(open)));
  } else if (unknown == view.servers_in_all) {
    html << "It is not known which connections are unencrypted: there is no data about any server’s connections.";
  } else if (unknown > 0) {
    html.Text(fmt::format("On {} of {} it is not known which connections are unencrypted.", unknown,
                          Counted(view.servers_in_all, "server")));
  } else if (view.counts.allowed > 0) {
    html.Text(
        fmt::format("Every open TCP connection is encrypted, except {} that the policy allows.", view.counts.allowed));
  } else {
    html << "Every open TCP connection is encrypted.";
  }
  html << "</p>";
  if (open > 0) {
    (html << "<p>")
            .Text(fmt::format("{} from other machines, {} over loopback.", view.counts.remote, view.counts.loopback))
        << "</p>";
    WorstGroup(view.unencrypted_rows.rows.front(), frame, html);
  }
  if (open > 0 && unknown > 0) {
    (html << "<p>").Text(fmt::format("On {} of {} this is not known.", unknown, Counted(view.servers_in_all, "server")))
        << "</p>";
  } else if (open == 0 && unknown > 0 && unknown < view.servers_in_all) {
    html << "<p>On the others, every open TCP connection is encrypted or allowed by the policy.</p>";
  }
  if (open == 0 && unknown == 0 && level == Level::kNote && !view.unseen.rows.empty())
    html << "<p>Not everything was checked: see <a href=\"#unseen\">Not checked</a>.</p>";
  if (open == 0 && unknown == 0 && level >= Level::kWarning && view.servers_in_all > 0)
    html << "<p>There are other issues: see the servers below.</p>";
  if (!frame.shard.empty())
    (html << "<p>This exporter monitors shard ").Text(frame.shard) << " of the configured servers only.</p>";
  if (frame.narrowed) (html << "<p>This page shows ").Text(Counted(view.servers_in_all, "server")) << " only.</p>";
  html << "</div>\n";
}

// ---- Tiles

void Tile(Markup title, const Remark& figure, const std::string& more, Html& html) {
  (html << "<li><span class=\"quiet\">" << title << "</span><b class=\"" << ClassOf(figure.level) << "\">")
      .Text(figure.text);
  (html << "</b><span>").Name(more, 120) << "</span></li>";
}

std::string ByLevel(const StatusView& view) {
  std::vector<std::string> parts;
  for (std::size_t level = kLevels; level-- > 0;) {
    const std::size_t count = view.by_level[level];
    if (count > 0) parts.push_back(fmt::format("{} {}", count, WordOf(static_cast<Level>(level))));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

Remark UnencryptedFigure(const StatusView& view) {
  const std::size_t open = view.counts.unencrypted();
  const bool unknown = Length(view.sessions_unknown) > 0 || view.servers_in_all == 0;
  if (open == 0) return unknown ? Remark{Level::kUnknown, "not known"} : Remark{Level::kGood, "0"};
  return {unknown ? std::max(view.counts_level, Level::kUnknown) : view.counts_level,
          fmt::format("{}{}", unknown ? "≥ " : "", open)};
}

std::size_t Tcp(const ConnectionCounts& counts) {
  return counts.tls + counts.gss + counts.unencrypted() + counts.allowed;
}

std::string UnencryptedMore(const StatusView& view) {
  std::vector<std::string> parts;
  if (const std::size_t unknown = Length(view.sessions_unknown); unknown > 0)
    parts.push_back(fmt::format("not known on {}", Counted(unknown, "server")));
  if (view.counts.allowed > 0) parts.push_back(fmt::format("{} more allowed by the policy", view.counts.allowed));
  if (parts.empty()) parts.push_back(fmt::format("of {} over TCP", Tcp(view.counts)));
  return fmt::format("{}", fmt::join(parts, "; "));
}

void Tiles(const StatusView& view, Html& html) {
  html << "<ul class=\"tiles\">";
  const bool all_up = view.up == view.servers_in_all && view.up > 0;
  Tile("Servers up",
       {all_up          ? Level::kGood
        : view.down > 0 ? Level::kBad
                        : Level::kUnknown,
        fmt::format("{} of {}", view.up, view.servers_in_all)},
       ByLevel(view), html);
  Tile("Unencrypted connections", UnencryptedFigure(view), UnencryptedMore(view), html);
  const auto& certificates = view.certificates.rows;
  const auto next = std::ranges::find_if(certificates, [](const auto& row) { return row.not_after.has_value(); });
  std::string blind;
  if (const std::size_t unknown = Length(view.certificates_unknown); unknown > 0)
    blind = fmt::format("not known on {}", Counted(unknown, "server"));
  if (next == certificates.end()) {
    Tile("Next certificate to expire", {Level::kUnknown, "not known"}, blind, html);
  } else {
    Tile("Next certificate to expire", {next->level, TimeLeft(*next->not_after, view.now)},
         fmt::format("{}: {}{}{}", next->server, next->subject, blind.empty() ? "" : "; ", blind), html);
  }
  const std::size_t unseen = view.unseen.rows.size() + view.unseen.left_out;
  Tile("Not checked", {unseen == 0 ? Level::kGood : Level::kNote, unseen == 0 ? "nothing" : Counted(unseen, "thing")},
       unseen == 0 ? "everything was checked" : view.unseen.rows.front().what, html);
  html << "</ul>\n";
}

}  // namespace

std::string StatusPage(const StatusView& view, const StatusFrame& frame) {
  Html html;
  const Level worst = Worst(view);
  Head(frame, worst, html);
  Header(view, frame, html);
  html << "<main>";
  Verdict(view, frame, worst, html);
  if (frame.reload_refused) {
    html << "<div class=\"verdict warning\"><p>The last reload of the configuration was refused; the previous one "
            "stays in force.</p></div>\n";
  }
  Tiles(view, html);
  ServerTable(view, frame, html);
  UnencryptedTable(view, frame, html);
  PathTable(view, frame, html);
  CertificateTable(view, frame, html);
  ModeTable(view, frame, html);
  UnseenTable(view, frame, html);
  CollectorTable(view, frame, html);
  (html << "</main>\n<footer>").Text(frame.version) << "</footer></body></html>\n";
  return html.Take();
}

}  // namespace pgtls::status
