#include "exporter/report/page.h"

#include "exporter/status/style.h"

namespace pgtls::report {
namespace {

using status::Html;
using status::Markup;

// On paper a table row stays on one page, and colours are not needed.
constexpr Markup kPrint =
    "h2{margin:26px 0 8px}ul.lines{margin:4px 0 0;padding-left:16px;font-size:12.5px}td{min-width:4em}"
    "@media print{body{background:#fff;color:#000}section{border-color:#999}tr{break-inside:avoid}}";

}  // namespace

void BeginPage(std::string_view title, std::string_view subtitle, Html& html) {
  html << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">"
          "<title>Encryption of PostgreSQL connections</title><style>"
       << status::StyleSheet() << kPrint << "</style></head>\n<body><header><div class=\"bar\"><h1>";
  html.Text(title);
  (html << "</h1><span class=\"quiet\">").Text(subtitle) << "</span></div></header>\n<main>";
}

void Badge(Markup colour, std::string_view text, Html& html) {
  (html << "<span class=\"badge " << colour << "\">").Text(text) << "</span>";
}

void Cell(Markup label, std::string_view text, Html& html) {
  (html << "<td data-label=\"" << label << "\"><div>").Text(text, kMostBytes) << "</div></td>";
}

}  // namespace pgtls::report
