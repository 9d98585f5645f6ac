#include "collectors/log_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/files/log_files.h"
#include "exporter/files/server_place.h"

namespace pgtls::collectors {
namespace {

using serverlog::Format;

// The one with most fields.
std::optional<Format> BestFormat(const postgres::LogSettings& settings) {
  for (const Format format : {Format::kJson, Format::kCsv, Format::kStderr}) {
    if (settings.Writes(format)) return format;
  }
  return std::nullopt;
}

// The names that the server gives its files of this format: log_filename is that of the plain log.
std::string PatternFor(const postgres::LogSettings& settings, Format format) {
  const std::string directory = settings.directory + "/";
  if (format == Format::kJson) return directory + "*.json";
  if (format == Format::kCsv) return directory + "*.csv";
  const auto dot = settings.filename.rfind('.');
  return directory + "*" + (dot == std::string::npos ? "" : settings.filename.substr(dot));
}

LogSource Local(sampling::Context& context, std::vector<std::string> patterns) {
  std::string identity = "local";
  for (const std::string& pattern : patterns) identity += "\n" + pattern;
  const bool is_plain = std::ranges::any_of(
      patterns, [](const std::string& pattern) { return serverlog::FormatOf(pattern) == Format::kStderr; });
  return {std::make_unique<files::LogFiles>(context.blocking, std::move(patterns)), std::move(identity), is_plain};
}

LogSource OverSql(sampling::Context& context, Format format) {
  // After a failover, files of the same names are another server's.
  const db::Peer peer = context.peer.value_or(db::Peer());
  const std::string address = peer.address ? peer.address->ToString() : peer.host;
  return {std::make_unique<postgres::SqlLog>(*context.session, format, context.deadline),
          fmt::format("sql {} {} {}", static_cast<int>(format), address, peer.port), format == Format::kStderr};
}

asio::awaitable<bool> IsHere(sampling::Context& context, const postgres::LogSettings& settings) {
  const files::ServerTraits traits = {.data_directory = settings.data_directory,
                                      .port = settings.port,
                                      .start_time = settings.postmaster_start,
                                      .listener_pid = context.peer ? context.peer->listener_pid : std::nullopt};
  std::function<bool()> find = [traits] { return files::ServerPlace::Find(traits).problem().empty(); };
  co_return co_await context.blocking.Run(std::move(find));
}

}  // namespace

asio::awaitable<LogSource> ChooseLogSource(sampling::Context& context, const LogOptions& options,
                                           const postgres::LogSettings& settings, sampling::Output& output) {
  const bool sql = options.read_via != ReadVia::kLocal;
  const bool local = options.read_via != ReadVia::kSql;
  if (local && !options.files.empty()) co_return Local(context, options.files);
  const std::optional<Format> format = BestFormat(settings);
  if (!format) {
    output.incomplete.push_back({"logging_collector", settings.logging_collector ? "log_destination" : "off"});
    co_return LogSource{};
  }
  if (sql && settings.has_function) co_return OverSql(context, *format);
  const bool declared = options.read_via == ReadVia::kLocal;
  if (local && (declared || co_await IsHere(context, settings)))
    co_return Local(context, {PatternFor(settings, *format)});
  output.incomplete.push_back({"logging_collector", "insufficient_privilege"});
  co_return LogSource{};
}

}  // namespace pgtls::collectors
