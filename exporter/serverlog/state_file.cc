#include "exporter/serverlog/state_file.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <system_error>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/json.h"

namespace pgtls::serverlog {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kMostBytes = std::size_t{1} << 24;

std::mutex& OneAtATime() {
  static std::mutex mutex;
  return mutex;
}

[[noreturn]] void Fail(const std::string& path, const std::string& why) {
  throw Error(FailureReason::kError, "state_file " + path + ": " + why);
}

// An empty object if there is no file.
ordered_json Read(const std::string& path) {
  try {
    ordered_json state = ordered_json::parse(ReadFile(path, kMostBytes), nullptr, false);
    if (!state.is_object()) Fail(path, "is not a state file; remove it to begin at the end of the logs");
    return state;
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return ordered_json::object();
    Fail(path, error.code().message());
  }
}

}  // namespace

std::optional<Position> LoadPosition(const std::string& path, const std::string& server, const std::string& identity) {
  const std::lock_guard lock(OneAtATime());
  const ordered_json state = Read(path);
  const auto found = state.find(server);
  if (found == state.end()) return std::nullopt;
  try {
    if (found->at("log").get<std::string>() != identity) return std::nullopt;
    const int inside = found->at("inside").get<int>();
    if (inside < 0 || inside > 2) return std::nullopt;
    Position position{.file = found->at("file").get<std::string>(),
                      .offset = found->at("offset").get<std::int64_t>(),
                      .inside = static_cast<Inside>(inside),
                      .mark = found->at("mark").get<std::string>()};
    if (position.offset < 0) return std::nullopt;
    return position;
  } catch (const json::exception&) {
    Fail(path, "the position of server " + server + " cannot be read; remove it to begin at the end of its log");
  }
}

void StorePosition(const std::string& path, const std::string& server, const std::string& identity,
                   const Position& position) {
  const std::lock_guard lock(OneAtATime());
  ordered_json state = Read(path);
  state[server] = {{"log", identity},
                   {"file", position.file},
                   {"offset", position.offset},
                   {"inside", static_cast<int>(position.inside)},
                   {"mark", position.mark}};
  try {
    WriteFile(path, JsonText(state, 2) + "\n");
  } catch (const std::system_error& error) {
    Fail(path, error.code().message());
  }
}

}  // namespace pgtls::serverlog
