#include "exporter/status/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string>

#include "exporter/base/date.h"
#include "exporter/base/text.h"
#include "exporter/status/cells.h"
#include "exporter/status/server_facts.h"

namespace pgtls::status {
namespace {

// ---- What a cell shows

void Counts(const ConnectionCounts& counts, Level unencrypted, Html& html) {
  auto part = [&, first = true](std::size_t count, Markup what) mutable {
    if (count == 0) return;
    if (!first) html << ", ";
    first = false;
    Number(count, html);
    html << what;
  };
  if (counts.unencrypted() > 0) Badge({unencrypted, fmt::format("{} unencrypted", counts.unencrypted())}, html);
  part(counts.allowed, " unencrypted but allowed");
  part(counts.tls, " TLS");
  part(counts.gss, " GSS");
  part(counts.local, " Unix socket");
  if (counts.tls + counts.gss + counts.local + counts.allowed + counts.unencrypted() == 0) html << "none";
}

// Evidence and remedy are open on a server's own page, where there is room.
void IssueItem(const Issue& issue, const StatusFrame& frame, Html& html) {
  html << "<li class=\"" << ClassOf(issue.level) << "\">";
  if (issue.why.empty() && issue.remedy.empty() && issue.evidence.rows.empty()) {
    html.Text(issue.text) << "</li>";
    return;
  }
  html << (frame.narrowed ? Markup("<details open><summary>") : Markup("<details><summary>"));
  html.Text(issue.text) << "</summary>";
  for (const auto& line : issue.evidence.rows) (html << "<small>").Name(line) << "</small>";
  if (issue.evidence.left_out > 0)
    (html << "<small>").Text(fmt::format("and {}", Counted(issue.evidence.left_out, "more line"))) << "</small>";
  for (const auto& text : {issue.why, issue.remedy}) {
    if (!text.empty()) (html << "<p>").Text(text, 2000) << "</p>";
  }
  html << "</details></li>";
}

void Issues(const ServerRow& row, const StatusFrame& frame, Html& html) {
  if (row.issues.rows.empty() && row.unchecked == 0) {
    html << "<span class=\"quiet\">none</span>";
    return;
  }
  html << "<ul class=\"issues\">";
  for (const auto& issue : row.issues.rows) IssueItem(issue, frame, html);
  if (row.issues.left_out > 0) (html << "<li>").Text(fmt::format("and {} more", row.issues.left_out)) << "</li>";
  if (row.unchecked > 0) {
    (html << "<li class=\"note\"><a href=\"#unseen\">").Text(Counted(row.unchecked, "thing"))
        << " not checked</a></li>";
  }
  html << "</ul>";
}

// The servers without a row, by level: found by their names.
void OtherServers(const BoundedList<OtherServer>& servers, const StatusFrame& frame, Html& html) {
  std::span<const OtherServer> rest(servers.rows);
  while (!rest.empty()) {
    const auto end = std::ranges::find_if(rest, [&](const auto& server) { return server.level != rest[0].level; });
    const auto count = static_cast<std::size_t>(end - rest.begin());
    html << "<p class=\"others\">";
    Badge({rest[0].level, fmt::format("{} more {}", count, WordOf(rest[0].level))}, html);
    for (const auto& server : rest.first(count)) {
      html << "<span";
      ServerId(server.name, html);
      html << ">";
      ServerLink(server.name, frame, html);
      html << "</span> ";
    }
    html << "</p>\n";
    rest = rest.subspan(count);
  }
  LeftOut(servers.left_out, "server", frame, html);
}

}  // namespace

std::string TimeLeft(std::chrono::sys_seconds end, std::chrono::sys_seconds now) {
  using std::chrono::days;
  using std::chrono::hours;
  const auto span = [](std::chrono::seconds time) {
    if (time < days(2)) return Counted(static_cast<std::size_t>(std::chrono::floor<hours>(time).count()), "hour");
    return Counted(static_cast<std::size_t>(std::chrono::floor<days>(time).count()), "day");
  };
  return end > now ? span(end - now) : fmt::format("expired {} ago", span(now - end));
}

// ---- Tables

void ServerTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  Section section(html, "servers", "Servers", "the worst first");
  if (view.servers.rows.empty()) {
    html << "<p>No server is configured: nothing is monitored.</p>";
    return;
  }
  section.Head({"Server", "State", "Exporter’s connection", "Open connections", "Issues", "Age of data"});
  for (const auto& row : view.servers.rows) {
    html << "<tr";
    ServerId(row.name, html);
    html << ">";
    {
      const Cell cell(html, "Server", "k");
      ServerLink(row.name, frame, html);
      if (!row.product.empty()) (html << "<small>").Text(row.product) << "</small>";
    }
    {
      const Cell cell(html, "State");
      Badge(row.state, html);
    }
    {
      const Cell cell(html, "Exporter’s connection");
      if (!row.own_connection) {
        html << "<span class=\"quiet\">–</span>";
      } else if (row.own_connection->level == Level::kGood) {
        html.Text(row.own_connection->text);
      } else {
        Badge(*row.own_connection, html);
      }
    }
    {
      const Cell cell(html, "Open connections");
      if (row.counts) {
        Counts(*row.counts, row.counts_level, html);
      } else {
        Badge({Level::kUnknown, "not known"}, html);
      }
    }
    {
      const Cell cell(html, "Issues");
      Issues(row, frame, html);
    }
    {
      const Cell cell(html, "Age of data");
      AgeOf(row.age, html);
    }
    html << "</tr>\n";
  }
  section.Foot();
  OtherServers(view.other_servers, frame, html);
}

void UnencryptedTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  Section section(html, "unencrypted", "Unencrypted connections",
                  "TCP, neither TLS nor GSS, open at the last collection");
  if (!view.unencrypted_rows.rows.empty()) {
    section.Head({"Server", "User", "Client", "Database", "Application", "Policy", "Open", "pg_hba rule"});
    for (const auto& row : view.unencrypted_rows.rows) {
      html << "<tr>";
      {
        const Cell cell(html, "Server", "k");
        ServerLink(row.server, frame, html);
      }
      {
        const Cell cell(html, "User");
        TextOrNone(row.user, html);
      }
      {
        const Cell cell(html, "Client");
        TextOrNone(row.client_addr, html);
        html << (row.loopback ? Markup("<small>loopback</small>") : Markup("<small>remote</small>"));
      }
      {
        const Cell cell(html, "Database");
        TextOrNone(row.database, html);
      }
      {
        const Cell cell(html, "Application");
        TextOrNone(row.application, html);
      }
      {
        const Cell cell(html, "Policy");
        Badge({row.level, row.allowed ? "allowed" : "not allowed"}, html);
      }
      {
        const Cell cell(html, "Open");
        Number(row.connections, html);
      }
      {
        const Cell cell(html, "pg_hba rule", "code");
        TextOrNone(row.rule, html);
      }
      html << "</tr>\n";
    }
    section.Foot();
    LeftOut(view.unencrypted_rows.left_out, "group", frame, html);
  } else if (view.servers_in_all > 0 && view.sessions_unknown.rows.empty()) {
    html << "<p>None: every open TCP connection is encrypted.</p>";
  } else if (view.servers_in_all > view.sessions_unknown.rows.size() + view.sessions_unknown.left_out) {
    html << "<p>None on the servers whose connections could be read.</p>";
  }
  NotKnownOn(view.sessions_unknown, "which connections are unencrypted", frame, html);
}

void CertificateTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  Section section(html, "certificates", "Certificates", "earliest expiry first");
  if (!view.certificates.rows.empty()) {
    section.Head({"Time left", "Server", "Subject", "Where", "State"});
    for (const auto& row : view.certificates.rows) {
      html << "<tr>";
      {
        const Cell cell(html, "Time left");
        if (row.not_after) {
          Badge({row.level, TimeLeft(*row.not_after, view.now)}, html);
          (html << "<small>").Text(Date(*row.not_after).substr(0, 10)) << "</small>";
        } else {
          Badge({row.level, row.level == Level::kNote ? "no end" : "end not known"}, html);
        }
      }
      {
        const Cell cell(html, "Server");
        ServerLink(row.server, frame, html);
      }
      {
        const Cell cell(html, "Subject");
        html.Name(row.subject);
        (html << "<small>").Text(row.kind) << "</small>";
      }
      {
        const Cell cell(html, "Where");
        for (const auto& place : row.places) (html << "<div>").Name(place) << "</div>";
      }
      {
        const Cell cell(html, "State");
        if (row.flags.empty()) html << "<span class=\"quiet\">–</span>";
        for (const auto& flag : row.flags) Badge(flag, html);
      }
      html << "</tr>\n";
    }
    section.Foot();
    LeftOut(view.certificates.left_out, "certificate", frame, html);
  }
  NotKnownOn(view.certificates_unknown, "which certificate is served", frame, html);
}

void ModeTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  Section section(html, "sslmode", "What each sslmode gets", "a libpq client with the exporter’s user, from here");
  if (!view.modes.rows.empty()) {
    constexpr std::array<Markup, tls::kSslModes.size()> kNames = {"disable", "allow",     "prefer",
                                                                  "require", "verify-ca", "verify-full"};
    section.Head({"Server", kNames[0], kNames[1], kNames[2], kNames[3], kNames[4], kNames[5]});
    for (const auto& row : view.modes.rows) {
      html << "<tr>";
      {
        const Cell cell(html, "Server", "k");
        ServerLink(row.server, frame, html);
      }
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        const Cell cell(html, kNames[i]);
        Badge(row.cells[i], html);
      }
      html << "</tr>\n";
    }
    section.Foot();
    LeftOut(view.modes.left_out, "server", frame, html);
  }
  NotKnownOn(view.modes_unknown, "what a client gets", frame, html);
}

void UnseenTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  Section section(html, "unseen", "Not checked", "what is not checked is not known to be in order");
  if (view.unseen.rows.empty()) {
    html << "<p>Nothing: everything was checked on these servers.</p>";
    return;
  }
  section.Head({"What", "Why", "Servers"});
  for (const auto& row : view.unseen.rows) {
    html << "<tr>";
    {
      const Cell cell(html, "What", "k");
      html.Name(row.what);
    }
    {
      const Cell cell(html, "Why");
      if (!row.why.empty()) html.Name(row.why);
    }
    {
      const Cell cell(html, "Servers");
      for (std::size_t i = 0; i < row.servers.size(); ++i) {
        if (i > 0) html << ", ";
        ServerLink(row.servers[i], frame, html);
      }
      if (row.more_servers > 0) html.Text(fmt::format(" and {} more", row.more_servers));
    }
    html << "</tr>\n";
  }
  section.Foot();
  LeftOut(view.unseen.left_out, "line", frame, html);
}

void CollectorTable(const StatusView& view, const StatusFrame& frame, Html& html) {
  if (view.collectors.rows.empty()) return;
  Section section(html, "collectors", "Collectors", "when each ran last");
  section.Head({"Server", "Collector", "State", "Last success", "Interval"});
  for (const auto& row : view.collectors.rows) {
    html << "<tr>";
    {
      const Cell cell(html, "Server", "k");
      ServerLink(row.server, frame, html);
    }
    {
      const Cell cell(html, "Collector");
      html.Text(row.name);
    }
    {
      const Cell cell(html, "State");
      Badge(row.state, html);
      if (!row.why.empty()) html.Name(row.why);
    }
    {
      const Cell cell(html, "Last success");
      AgeOf(row.age, html);
      if (row.age) html << " ago";
    }
    {
      const Cell cell(html, "Interval");
      html.Text(AgeText(std::chrono::ceil<std::chrono::seconds>(row.interval)));
    }
    html << "</tr>\n";
  }
  section.Foot();
  LeftOut(view.collectors.left_out, "collector", frame, html);
}

}  // namespace pgtls::status
