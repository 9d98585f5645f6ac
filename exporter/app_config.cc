// Which servers the program watches: from the command line and the environment to a configuration.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <system_error>

#include "collectors/registry.h"
#include "exporter/app.h"
#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/base/uri.h"
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
config::Config ForSources(const std::string& where, const std::vector<std::string>& list) {
  std::vector<Source> sources;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = list.size() == 1 ? where : where + ", entry " + std::to_string(i + 1);
    try {
      Source source{list[i], db::ResolveTarget(list[i]), ""};
      source.name = source.target.DisplayName();
      const auto same = std::ranges::find_if(sources, [&](const Source& other) { return source.SameServer(other); });
      if (same == sources.end()) {
        sources.push_back(std::move(source));
      } else {
        log::Warn(
            "the same server is configured twice; one connection sees all of its databases, the first entry is used",
            {{"source", place}, {"server", source.name}});
      }
    } catch (const UnavailableError& error) {
      throw UnavailableError(place + ": " + error.what());
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
  return config::ForServers(servers, collectors::Schemas());
}

std::string Variable(const std::string& name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment once there are threads
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? value : "";
}

// The value of this variable, or the content of the file that the variable with `_FILE` names, which wins.
std::string VariableOrFile(const std::string& name) {
  const std::string file = Variable(name + "_FILE");
  if (file.empty()) return Variable(name);
  constexpr std::size_t kMaxBytes = 4096;
  try {
    return OneLine(ReadFile(file, kMaxBytes));
  } catch (const std::system_error& error) {
    // Without the path: it may be the secret itself, put into the wrong variable.
    throw UnavailableError(name + "_FILE: cannot read the file: " + error.code().message());
  } catch (const Error&) {
    throw ConfigError(name + "_FILE: not a regular file of at most 4,096 bytes");
  }
}

// The one server of DATA_SOURCE_URI, as postgres_exporter has it: HOST:PORT/DATABASE?OPTION=VALUE, with the user and
// the password in variables or files of their own.
std::optional<config::Config> FromDataSourceUri() {
  const std::string uri = VariableOrFile("DATA_SOURCE_URI");
  const std::string password_file = Variable("DATA_SOURCE_PASS_FILE");
  if (uri.empty()) {
    for (const char* name :
         {"DATA_SOURCE_USER", "DATA_SOURCE_USER_FILE", "DATA_SOURCE_PASS", "DATA_SOURCE_PASS_FILE"}) {
      if (!Variable(name).empty())
        throw ConfigError(std::string(name) + " needs DATA_SOURCE_URI=HOST:PORT/DATABASE beside it");
    }
    return std::nullopt;
  }
  const std::string authority = uri.substr(0, uri.find_first_of("/?"));
  if (uri.contains("://") || authority.contains('@')) {
    throw ConfigError(
        "DATA_SOURCE_URI has the form HOST:PORT/DATABASE: without postgresql://, and with the user in DATA_SOURCE_USER "
        "and the password in DATA_SOURCE_PASS_FILE (or use DATA_SOURCE_NAME for a whole connection string)");
  }
  std::string login = PercentEncoded(VariableOrFile("DATA_SOURCE_USER"));
  const std::string password = password_file.empty() ? Variable("DATA_SOURCE_PASS") : "";
  if (!password.empty()) login += ":" + PercentEncoded(password);
  if (!login.empty()) login += "@";
  config::Config config = ForSources("DATA_SOURCE_URI", {"postgresql://" + login + uri});
  if (!password_file.empty()) {
    config.servers.at(0).password_file = password_file;
    config.secret_files.push_back({"DATA_SOURCE_PASS_FILE", password_file});
  }
  return config;
}

config::Config FromEnvironment() {
  const std::string data_source = Variable("DATA_SOURCE_NAME");
  if (!data_source.empty()) return ForSources("DATA_SOURCE_NAME", db::SplitDataSources(data_source));
  if (auto config = FromDataSourceUri()) return *std::move(config);
  return ForSources("libpq's environment", {""});
}

}  // namespace

config::Config LoadConfig(const config::CommandLine& line) {
  config::Config config;
  if (!line.config_file.empty()) {
    const auto check = [](const std::string& conninfo) {
      db::ResolveTarget(conninfo);
      return db::Keywords(conninfo);
    };
    config = config::LoadFile(line.config_file, collectors::Schemas(), check, line.shard);
  } else {
    config = line.dsn ? ForSources("--dsn", db::SplitDataSources(*line.dsn)) : FromEnvironment();
  }
  if (line.command != config::Command::kConfigCheck) {
    for (const auto& file : config.secret_files) {
      if (const auto why = config::WhyUnreadable(file))
        log::Warn("a password file cannot be read yet", {{"setting", file.place}, {"error", *why}});
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
