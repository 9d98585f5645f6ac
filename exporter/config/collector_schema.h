// What a collector declares about its section of the configuration.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/config/config.h"

namespace pgtls::config {

class Node;
struct Files;

// A key that only this collector has, beside enabled, interval and timeout, which all have.
struct OptionKey {
  std::string_view name;
  // Puts the value into the collector's options. Throws ConfigError at the node's position.
  void (*read)(const Node& value, Files& files, CollectorOptions& options);
};

// Key<&Options::member, Reader>("name"): the key `name`, whose value Reader(const Node&, Files&) reads into `member`.
template <auto member, auto reader>
constexpr OptionKey Key(std::string_view name) {
  return {name, [](const Node& value, Files& files, CollectorOptions& options) {
            const auto put = [&]<typename Options, typename Value>(Value Options::* field) {
              options.As<Options>().*field = reader(value, files);
            };
            put(member);
          }};
}

// Readers. They throw ConfigError at the node's position.
bool ReadBool(const Node& node, Files& files);
int ReadIntBetween(const Node& node, int least, int most);
template <int least, int most>
int ReadInt(const Node& node, Files& /*files*/) {
  return ReadIntBetween(node, least, most);
}
Milliseconds ReadInterval(const Node& node, Files& files);
std::size_t ReadMaxSeries(const Node& node, Files& files);
// "64kB", "1MB": a multiple of 1024 bytes, from 64kB to 1024MB.
std::size_t ReadByteSize(const Node& node, Files& files);
// A path, relative to the configuration's folder; and one of a file that holds a password.
std::string ReadPath(const Node& node, Files& files);
std::string ReadSecretPath(const Node& node, Files& files);
std::vector<std::string> ReadPaths(const Node& node, Files& files);

struct CollectorSchema {
  Milliseconds interval{15'000};  // the defaults
  Milliseconds timeout{5'000};
  bool enabled = true;
  // The collector's own options at their defaults. Null if it has none.
  CollectorOptions (*options)() = nullptr;
  std::span<const OptionKey> keys = {};
  // Among the options, the paths of files on this machine. They belong to no server: of the servers that share the
  // section `collectors`, the first one reads them. Null if there are none.
  std::vector<std::string>& (*local_files)(CollectorOptions& options) = nullptr;

  CollectorConfig Defaults() const { return {enabled, interval, timeout, options ? options() : CollectorOptions()}; }
};

// By the collectors' names.
using CollectorSchemas = std::map<std::string_view, CollectorSchema>;

}  // namespace pgtls::config
