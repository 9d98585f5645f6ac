// Includes point downward only. A folder is a layer; this is the whole list of what each may include.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Layers = std::map<std::string, std::set<std::string>>;

const Layers& Allowed() {
  static const Layers layers = {
      {"base", {}},
      {"metrics", {"base"}},
      {"config", {"base"}},
      {"db", {"base"}},
      {"tls", {"base"}},
      {"hba", {"base"}},
      {"sessions", {"base", "config", "metrics"}},
      {"settings", {"base"}},
      {"links", {"base"}},
      {"serverlog", {"base", "config", "metrics", "sessions"}},
      {"sampling", {"base", "config", "db", "hba", "metrics", "sessions", "tls"}},
      {"postgres", {"base", "config", "db", "hba", "links", "metrics", "sampling", "serverlog", "sessions", "tls"}},
      {"pgbouncer", {"base", "config", "db", "hba", "links", "metrics", "sampling", "sessions", "settings", "tls"}},
      {"files",
       {"base", "config", "db", "hba", "links", "metrics", "postgres", "sampling", "serverlog", "sessions", "settings",
        "tls"}},
      {"wire", {"base", "config", "db", "hba", "metrics", "sampling", "sessions", "tls"}},
      {"audit",
       {"base", "config", "db", "hba", "links", "metrics", "sampling", "serverlog", "sessions", "settings", "tls"}},
      {"http", {"base"}},
      {"access", {"base", "config", "http", "tls"}},
      {"front", {"access", "base", "config", "http", "tls"}},
      {"exposition", {"base", "config", "db", "hba", "http", "metrics", "sampling", "sessions", "tls"}},
      {"status",
       {"audit", "base", "config", "db", "exposition", "hba", "http", "links", "metrics", "sampling", "serverlog",
        "sessions", "settings", "tls"}},
      {"report",
       {"audit", "base", "config", "db", "exposition", "hba", "http", "links", "metrics", "sampling", "serverlog",
        "sessions", "settings", "status", "tls"}},
      {"evidence",
       {"audit", "base", "config", "db", "exposition", "hba", "http", "links", "metrics", "report", "sampling",
        "serverlog", "sessions", "settings", "status", "tls"}},
      {"routes", {"base", "config", "db", "exposition", "hba", "http", "metrics", "sampling", "sessions", "tls"}},
      {"collectors",
       {"base", "config", "db", "files", "hba", "links", "metrics", "pgbouncer", "postgres", "sampling", "serverlog",
        "sessions", "settings", "tls", "wire"}},
      {"app",
       {"access",   "audit",     "base",     "collectors", "config",  "db",        "evidence", "exposition", "files",
        "front",    "hba",       "http",     "links",      "metrics", "pgbouncer", "postgres", "report",     "routes",
        "sampling", "serverlog", "sessions", "settings",   "status",  "tls",       "wire"}},
      {"main", {"app"}},
  };
  return layers;
}

// The layer of a path relative to the repository's root: exporter/tls/probe.h is tls, exporter/app.cc app,
// collectors/x.h collectors.
std::string LayerOf(const std::filesystem::path& path) {
  std::vector<std::string> parts(path.begin(), path.end());
  if (parts[0] == "collectors") return parts[0];
  if (parts[0] != "exporter" || parts.size() < 2) return "";
  if (parts.size() > 2) return parts[1];
  return parts[1].starts_with("main") ? "main" : "app";
}

std::string TextOf(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

std::vector<std::string> IncludesOf(const std::filesystem::path& file) {
  static const std::regex include(R"re(^\s*#\s*include\s+"([^"]+)".*)re");
  std::vector<std::string> names;
  std::ifstream in(file);
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (std::regex_match(line, match, include)) names.push_back(match[1]);
  }
  return names;
}

TEST(Layers, IncludesPointDownward) {
  int seen = 0;
  for (const char* root : {"exporter", "collectors"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      const std::string layer = LayerOf(entry.path());
      const auto allowed = Allowed().find(layer);
      ASSERT_NE(allowed, Allowed().end()) << entry.path() << " is in no known layer";
      for (const std::string& name : IncludesOf(entry.path())) {
        ++seen;
        const std::string target = LayerOf(name);
        EXPECT_TRUE(target == layer || allowed->second.contains(target))
            << entry.path().string() << " (" << layer << ") includes " << name << " (" << target << ")";
        EXPECT_TRUE(std::filesystem::exists(name) || name.ends_with(".def"))
            << entry.path().string() << " includes " << name << ": name the path from the root";
      }
    }
  }
  EXPECT_GT(seen, 100) << "run this test from the repository's root";
}

// "sessions", of each line PGTLS_COLLECTOR(Sessions).
std::vector<std::string> QuotedCollectors() {
  static const std::regex line(R"(PGTLS_COLLECTOR\((\w+)\))");
  const std::string list = TextOf("collectors/collectors.def");
  std::vector<std::string> names;
  for (std::sregex_iterator found(list.begin(), list.end(), line), end; found != end; ++found) {
    std::string name = (*found)[1];
    if (name == "Name") continue;  // the comment's example
    name[0] = static_cast<char>(name[0] - 'A' + 'a');
    names.push_back('"' + name + '"');
  }
  return names;
}

// collectors.def is the one list of collectors. A reader of one collector's facts may name it, but a statement that
// names two is a list, which the next collector would be missing from.
TEST(Layers, OnlyCollectorsDefListsCollectors) {
  const std::vector<std::string> names = QuotedCollectors();
  ASSERT_GT(names.size(), 4u);
  for (const auto& entry : std::filesystem::recursive_directory_iterator("exporter")) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cc") continue;
    std::istringstream text(TextOf(entry.path()));
    for (std::string statement; std::getline(text, statement, ';');) {
      const auto named = std::ranges::count_if(names, [&](const auto& name) { return statement.contains(name); });
      EXPECT_LT(named, 2) << entry.path() << ": " << statement;
    }
  }
}

TEST(Layers, TheListItselfPointsDownward) {
  // A layer's list holds the lists of all that it names: no arrow can be added that turns back.
  for (const auto& [layer, below] : Allowed()) {
    if (layer == "main") continue;  // sees the application's face alone
    for (const std::string& lower : below) {
      for (const std::string& lowest : Allowed().at(lower)) {
        EXPECT_TRUE(below.contains(lowest)) << layer << " includes " << lower << ", which includes " << lowest;
      }
      EXPECT_FALSE(Allowed().at(lower).contains(layer)) << layer << " and " << lower << " include each other";
    }
  }
}

}  // namespace
