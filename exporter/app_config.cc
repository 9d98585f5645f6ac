// Which servers the program watches: from the command line and the environment to a configuration.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "exporter/app.h"
#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/config/load.h"
#include "exporter/db/data_source.h"
#include "exporter/db/keywords.h"
#include "exporter/db/target.h"

namespace pgtls {
namespace {

// One server of a list, resolved.
struct Source {
  std::string conninfo;
  db::Target target;
  std::string name;

  // All that decides which server a connection reaches.
  bool SameServer(const Source& other) const {
    const auto same = [&](const char* option) { return target.option(option) == other.target.option(option); };
    return same("host") && same("hostaddr") && same("port") && same("target_session_attrs");
  }
};

// Two socket directories with one name are two servers where their ports differ.
void NameSocketsByPort(std::vector<Source>& sources) {
  std::map<std::string, int> sockets;
  for (const Source& source : sources) sockets[source.name] += source.target.is_unix_socket() ? 1 : 0;
  for (Source& source : sources) {
    if (sockets.at(source.name) > 1) source.name += ":" + source.target.port();
  }
}

// `where` is the option or variable that holds the list. One connection sees all databases of a server, so a second
// entry of the same server would only count everything twice.
config::Config ForSources(const std::string& where, const std::string& text) {
  std::vector<Source> sources;
  const std::vector<std::string> list = db::SplitDataSources(text);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = list.size() == 1 ? where : where + ", entry " + std::to_string(i + 1);
    try {
      Source source{list[i], db::ResolveTarget(list[i]), ""};
      source.name = source.target.DisplayName();
      const auto same = std::ranges::find_if(sources, [&](const Source& other) { return source.SameServer(other); });
      if (same == sources.end()) {
        sources.push_back(std::move(source));
      } else {
        log::Warn("the same server is given twice; one connection sees all of its databases, the first entry is used",
                  {{"source", place}, {"server", source.name}});
      }
    } catch (const ConfigError& error) {
      throw ConfigError(place + ": " + error.what());
    }
  }
  NameSocketsByPort(sources);
  std::vector<std::pair<std::string, std::string>> servers;
  for (const Source& source : sources) {
    if (std::ranges::find(servers, source.name, [](const auto& server) { return server.first; }) != servers.end()) {
      throw ConfigError(where + ": two different servers would both be named " + source.name +
                        "; a configuration file (--config.file) can name them");
    }
    servers.emplace_back(source.name, source.conninfo);
  }
  return config::ForServers(servers);
}

std::string Variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment once there are threads
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// postgres_exporter reads these where DATA_SOURCE_NAME is not set. Without a word, libpq's default server would be
// watched in place of theirs.
void RefuseDataSourceParts() {
  for (const char* name : {"DATA_SOURCE_URI", "DATA_SOURCE_URI_FILE"}) {
    if (Variable(name).empty()) continue;
    throw ConfigError(std::string(name) +
                      " is not supported: set DATA_SOURCE_NAME=postgresql://USER@HOST:PORT/DATABASE and PGPASSFILE, or "
                      "use --config.file with conninfo and password_file");
  }
}

config::Config FromEnvironment() {
  const std::string data_source = Variable("DATA_SOURCE_NAME");
  if (!data_source.empty()) return ForSources("DATA_SOURCE_NAME", data_source);
  RefuseDataSourceParts();
  return ForSources("libpq's environment", "");
}

}  // namespace

config::Config LoadConfig(const config::CommandLine& line) {
  config::Config config;
  if (!line.config_file.empty()) {
    config = config::LoadFile(line.config_file, [](const std::string& conninfo) {
      db::ResolveTarget(conninfo);
      return db::Keywords(conninfo);
    });
  } else {
    config = line.dsn ? ForSources("--dsn", *line.dsn) : FromEnvironment();
  }
  if (line.command != config::Command::kConfigCheck) {
    for (const auto& file : config.secret_files) {
      if (const auto why = config::WhyUnreadable(file))
        log::Warn("a password file cannot be read yet", {{"setting", file.place}, {"err", *why}});
    }
  }
  for (const auto& [name, enabled] : line.collectors) {
    config.collectors.at(name).enabled = enabled;
    for (auto& server : config.servers) server.collectors.at(name).enabled = enabled;
    for (auto& module : config.modules) {
      if (!enabled) std::erase(module.collectors, name);
    }
  }
  return config;
}

}  // namespace pgtls
