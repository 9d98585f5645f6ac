// The sentences and figures that the text and the page share.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/evidence/evidence.h"

namespace pgtls::evidence {

std::string DateText(Time time);
// "2026-11-01 10:00:00 UTC to 2026-11-01 10:20:00 UTC".
std::string RangeText(TimeRange range);
// "1 d 4 h", "20 min", "15 s": the two largest units.
std::string LengthText(Duration length);
// "99.95 %" of `whole`, never rounded up to 100.
std::string ShareText(Duration part, Duration whole);
// Of a gap: each reason with its exporters.
std::string ReasonsText(const Gap& gap);
// {what, figure} of one exporter.
std::vector<std::pair<std::string, std::string>> FiguresOf(const ExporterEvidence& exporter, TimeRange period);
// "from … until …", or the end alone.
std::string ValidityText(const Certificate& certificate);
// User, database and address.
std::string ClientText(const Client& client);
std::string ClientText(const ExemptedClient& client);
// What the verdict about it means, in a sentence.
std::string_view Meaning(const ServerEvidence& server);
// What the figures mean, and what they do not.
std::vector<std::string> Remarks(const ServerEvidence& server);

}  // namespace pgtls::evidence
