#include "exporter/status/style.h"

#include <openssl/evp.h>

#include <array>
#include <string_view>

namespace pgtls::status {
namespace {

// Colours: text on its ground has a contrast of at least 4.5 : 1 (WCAG 2.1 AA), light and dark; a colour never says
// anything alone. On a narrow screen each row of a table becomes a card, its cells labelled by data-label.
constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ground:#f4f5f7;--card:#fff;--line:#dfe3e8;--text:#1b1f24;--quiet:#59636e;--link:#0b57b7;
--good:#116a3c;--good-g:#e6f5ec;--note:#45536a;--note-g:#edf0f5;--warning:#7d4a00;--warning-g:#fff2d6;
--unknown:#5b3ba8;--unknown-g:#f1ecfd;--bad:#b01818;--bad-g:#fdeaea}
@media(prefers-color-scheme:dark){:root{--ground:#101317;--card:#181c22;--line:#2b313a;--text:#e4e7eb;--quiet:#9aa5b1;
--link:#82b7ff;--good:#7fd6a2;--good-g:#132c1f;--note:#b3bfce;--note-g:#242b35;--warning:#f2c36b;--warning-g:#33270d;
--unknown:#c9b6ff;--unknown-g:#2a2144;--bad:#ff9d96;--bad-g:#3d1a1a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;-webkit-text-size-adjust:100%}
header,main,footer{max-width:1240px;margin:0 auto;padding:0 20px}
header{padding-top:20px}
h1{margin:0;font-size:15px;font-weight:600;letter-spacing:.01em}
h2{margin:0;font-size:15px;font-weight:600}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
.bar{display:flex;flex-wrap:wrap;gap:4px 18px;align-items:baseline;justify-content:space-between}
nav{display:flex;flex-wrap:wrap;gap:4px 16px}
.quiet{color:var(--quiet)}
.verdict{margin:18px 0 16px;padding:13px 16px;border-radius:8px;border-left:4px solid currentColor;font-size:17px;
line-height:1.4;font-weight:600}
.verdict p{margin:0}
.verdict p+p{margin-top:3px;font-size:14px;font-weight:400;color:var(--text)}
.tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px;margin:0 0 22px;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 16px;min-width:0}
.tiles b{display:block;font-size:24px;line-height:1.25;font-weight:600;font-variant-numeric:tabular-nums}
.tiles span{display:block;overflow-wrap:anywhere}
section{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 18px;overflow:hidden}
section>.bar{padding:11px 16px}
section>p{overflow-wrap:anywhere;margin:0;padding:9px 16px;border-top:1px solid var(--line)}
table{width:100%;border-collapse:collapse}
th,td{padding:7px 16px;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
th{font-size:12px;font-weight:600;color:var(--quiet);white-space:nowrap}
td{font-variant-numeric:tabular-nums}
th+th,td+td{padding-left:0}
.n{text-align:right}
td.k{min-width:7em}
bdi{white-space:pre-wrap;overflow-wrap:anywhere}
.code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
small{display:block;font-size:12px;color:var(--quiet)}
td.k small{white-space:nowrap}
ul.issues{margin:0;padding:0;list-style:none}
ul.issues li{padding-left:14px;position:relative;overflow-wrap:anywhere}
ul.issues{min-width:15em}
ul.issues li::before{content:"";position:absolute;left:0;top:.5em;width:7px;height:7px;border-radius:50%;
background:var(--c,var(--quiet))}
.badge{display:inline-block;padding:0 8px;border-radius:9px;font-size:12px;line-height:18px;font-weight:600;
margin:1px 4px 1px 0}
.good{color:var(--good)}.note{color:var(--note)}.warning{color:var(--warning)}.unknown{color:var(--unknown)}
.bad{color:var(--bad)}
.badge.good,.verdict.good{background:var(--good-g)}.badge.note,.verdict.note{background:var(--note-g)}
.badge.warning,.verdict.warning{background:var(--warning-g)}.badge.unknown,.verdict.unknown{background:var(--unknown-g)}
.badge.bad,.verdict.bad{background:var(--bad-g)}
li.good{--c:var(--good)}li.note{--c:var(--note)}li.warning{--c:var(--warning)}li.unknown{--c:var(--unknown)}
li.bad{--c:var(--bad)}
ul.issues li{color:var(--text)}
ul.issues li+li{margin-top:4px}
tr:target,.others :target{background:var(--note-g)}
.others span{margin-right:10px}
.others span:target{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
summary{cursor:pointer}
summary:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
details p{margin:4px 0;max-width:75ch;font-size:12.5px;overflow-wrap:anywhere}
footer{padding-bottom:28px;font-size:12.5px;color:var(--quiet)}
@media(max-width:860px){
.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}
header,main,footer{padding-left:12px;padding-right:12px}
.tiles li{padding:10px 12px}
.tiles b{font-size:20px}
table,tbody,tr,td{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{border-top:1px solid var(--line);padding:8px 16px}
td,td+td{border:0;padding:2px 0;display:grid;grid-template-columns:7.2rem minmax(0,1fr);gap:0 10px;text-align:left}
td::before{content:attr(data-label);color:var(--quiet);font-size:12px;line-height:1.7}
ul.issues{min-width:0}
td>div{min-width:0;overflow-wrap:anywhere}
}
)";

std::string HashOf(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  std::array<unsigned char, std::size_t{2} * EVP_MAX_MD_SIZE> base64{};
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(length));
  return "'sha256-" + std::string(base64.begin(), base64.begin() + size) + "'";
}

constexpr Markup kSheet = kStyle;

}  // namespace

Markup StyleSheet() { return kSheet; }

const std::string& StyleHash() {
  static const std::string hash = HashOf(kSheet.text());
  return hash;
}

}  // namespace pgtls::status
