// What the tables of the status page are made of.
#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/status/html.h"
#include "exporter/status/page.h"
#include "exporter/status/view.h"

namespace pgtls::status {

// A table cell, closed at the end of its scope. Narrow screens show rows as cards, with `label` before each value.
class Cell {
 public:
  Cell(Html& html, Markup label, Markup kind = "") : html_(html) {
    html_ << "<td class=\"" << kind << "\" data-label=\"" << label << "\"><div>";
  }
  ~Cell() { html_ << "</div></td>"; }
  Cell(const Cell&) = delete;
  Cell& operator=(const Cell&) = delete;

 private:
  Html& html_;
};

// A section with a heading, closed at the end of its scope. Head() begins its table, Foot() ends it: a section without
// rows has none.
class Section {
 public:
  Section(Html& html, Markup id, Markup title, Markup about) : html_(html), id_(id) {
    html_ << "<section id=\"" << id << "\"><div class=\"bar\"><h2 id=\"" << id << "-title\">" << title
          << "</h2><span class=\"quiet\">" << about << "</span></div>";
  }
  ~Section() { html_ << "</section>\n"; }
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  void Head(std::initializer_list<Markup> columns) {
    html_ << "<table aria-labelledby=\"" << id_ << "-title\"><thead><tr>";
    for (const Markup column : columns) html_ << "<th scope=\"col\">" << column << "</th>";
    html_ << "</tr></thead><tbody>\n";
  }
  void Foot() { html_ << "</tbody></table>"; }

 private:
  Html& html_;
  Markup id_;
};

// The CSS class that gives the level its colour.
Markup ClassOf(Level level);
// What servers of the level are: "3 failing".
std::string_view WordOf(Level level);
void Badge(const Remark& remark, Html& html);
// The id of what the page has of this server, so that "/#server-orders" leads to it: an attribute.
void ServerId(const std::string& name, Html& html);
// A link to the server's own page.
void ServerLink(const std::string& name, const StatusFrame& frame, Html& html);
void Number(std::size_t number, Html& html);
// A dash if `text` is empty.
void TextOrNone(const std::string& text, Html& html);
void AgeOf(const std::optional<std::chrono::seconds>& age, Html& html);

// Below a table: how many rows it leaves out; nothing if none. `what` is singular.
void LeftOut(std::size_t count, std::string_view what, const StatusFrame& frame, Html& html);
// "not known: `what` on a (why); b (why) and 3 more servers."
void NotKnownOn(const BoundedList<UnknownOn>& unknown, Markup what, const StatusFrame& frame, Html& html);

}  // namespace pgtls::status
