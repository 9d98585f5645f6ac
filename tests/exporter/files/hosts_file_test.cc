#include "exporter/files/hosts_file.h"

#include <gmock/gmock.h>

#include "exporter/tls/probe.h"
#include "tests/support/files.h"

namespace pgtls::files {
namespace {

using std::string_literals::operator""s;
using support::TempDir;
using testing::ElementsAre;
using testing::IsEmpty;
using tls::HostEntry;
using tls::HostsFile;

HostsFile Parse(const std::string& content) {
  return ParseHosts(SplitHostsLines("/data/pg_hosts.conf", content, false));
}

// The single error, without the file.
std::string ErrorOf(const std::string& content) {
  const HostsFile hosts = Parse(content);
  if (hosts.errors.size() != 1) return "errors: " + std::to_string(hosts.errors.size());
  return std::to_string(hosts.errors[0].line) + ": " + hosts.errors[0].problem;
}

HostsFile Read(const TempDir& dir) {
  return ParseHosts(ReadHostsLines(dir.path() + "/pg_hosts.conf", [](const std::string&) { return true; }));
}

TEST(HostsFileTest, ReadsEntriesOfAllForms) {
  const HostsFile hosts = Parse(
      "# a comment\n"
      "\n"
      "a.example  a.crt a.key\n"
      "b.example, \"c.example\",d.example /etc/b.crt\t/etc/b.key ca.crt # more\r\n"
      "e.example e.crt e.key ca.crt \"echo 'a b'\" on\n"
      "f.example \\\n"
      "  f.crt \\\n"
      "  f.key\n"
      "* rest.crt rest.key\n"
      "/no_sni/ \"with space.crt\" none.key");
  EXPECT_THAT(
      hosts.entries,
      ElementsAre(HostEntry{"a.example", "a.crt", ""}, HostEntry{"b.example", "/etc/b.crt", "ca.crt"},
                  HostEntry{"c.example", "/etc/b.crt", "ca.crt"}, HostEntry{"d.example", "/etc/b.crt", "ca.crt"},
                  HostEntry{"e.example", "e.crt", "ca.crt"}, HostEntry{"f.example", "f.crt", ""},
                  HostEntry{"*", "rest.crt", ""}, HostEntry{"/no_sni/", "with space.crt", ""}));
  EXPECT_THAT(hosts.errors, IsEmpty());
  EXPECT_TRUE(hosts.in_use());
}

TEST(HostsFileTest, WithoutEntriesItIsNotInUse) {
  EXPECT_FALSE(Parse("").in_use());
  EXPECT_FALSE(Parse("# HOSTNAME  SSL CERTIFICATE\n\n  \t\r\n").in_use());
}

TEST(HostsFileTest, AnErrorNamesItsLineAndTheRestGoesOn) {
  EXPECT_EQ(ErrorOf("a"), "1: the certificate is missing");
  EXPECT_EQ(ErrorOf("\n# x\na a.crt"), "3: the key is missing");
  EXPECT_EQ(ErrorOf("a \\\na.crt"), "1: the key is missing");
  EXPECT_EQ(ErrorOf("a,* a.crt a.key"), "1: * and /no_sni/ cannot be listed with other names");
  EXPECT_EQ(ErrorOf("/no_sni/,a a.crt a.key"), "1: * and /no_sni/ cannot be listed with other names");
  EXPECT_EQ(ErrorOf("a a.crt,b.crt a.key"), "1: the certificate is not one value");
  EXPECT_EQ(ErrorOf("a a.crt a.key,b.key"), "1: the key is not one value");
  EXPECT_EQ(ErrorOf("a a.crt a.key ca.crt,b.crt"), "1: the CA file is not one value");
  EXPECT_EQ(ErrorOf("a a.crt a.key ca.crt x,y"), "1: the passphrase command is not one value");
  EXPECT_EQ(ErrorOf("a a.crt a.key ca.crt x on,off"), "1: the reload flag is not one value");
  EXPECT_EQ(ErrorOf("a a.crt a.key ca.crt x maybe"), "1: the reload flag is not on or off");
  EXPECT_EQ(ErrorOf("a a.crt a.key ca.crt x on y"), "1: more than six fields");
  EXPECT_EQ(ErrorOf("a a.crt a.key\nA b.crt b.key"), "2: the name A is listed twice");
  EXPECT_EQ(ErrorOf("* a.crt a.key\n* b.crt b.key"), "2: the name * is listed twice");
  EXPECT_EQ(ErrorOf("a\0b a.crt a.key"s), "1: a NUL byte");
  const HostsFile hosts = Parse("a a.crt\nb b.crt b.key\n");
  EXPECT_THAT(hosts.entries, ElementsAre(HostEntry{"b", "b.crt", ""}));
  EXPECT_EQ(hosts.errors.at(0).file, "/data/pg_hosts.conf");
}

TEST(HostsFileTest, FindsTheEntryOfAName) {
  const HostsFile hosts = Parse("A.Example a.crt a.key\n/no_sni/ none.crt none.key\n");
  ASSERT_NE(hosts.EntryFor("a.eXAMPLE"), nullptr);
  EXPECT_EQ(hosts.EntryFor("a.eXAMPLE")->certificate, "a.crt");
  EXPECT_EQ(hosts.EntryFor(tls::kWithoutSni)->certificate, "none.crt");
  EXPECT_EQ(hosts.EntryFor("b.example"), nullptr);
  const HostsFile rest = Parse("* rest.crt rest.key\n");
  EXPECT_EQ(rest.EntryFor("b.example")->certificate, "rest.crt");
  EXPECT_EQ(rest.EntryFor(tls::kWithoutSni)->certificate, "rest.crt");
}

TEST(HostsFileTest, FollowsIncludedFilesAndLists) {
  const TempDir dir;
  dir.Write("pg_hosts.conf", "include more.conf\ninclude_if_exists none.conf\ninclude_dir sub\na,@names a.crt a.key\n");
  dir.Write("more.conf", "b b.crt b.key\n");
  mkdir((dir.path() + "/sub").c_str(), 0755);
  dir.Write("sub/2.conf", "c c.crt c.key\n");
  dir.Write("sub/1.conf", "d,@more d.crt d.key\n");
  dir.Write("sub/more", "e # a comment\n");
  dir.Write("sub/other", "f broken\n");
  dir.Write("sub/.3.conf", "g g.crt\n");
  dir.Write("names", "h, i\nj\n@deeper\n");
  dir.Write("deeper", "\"k\"\n");
  const HostsFile hosts = Read(dir);
  EXPECT_THAT(hosts.errors, IsEmpty());
  std::string names;
  for (const HostEntry& entry : hosts.entries) names += entry.host + ":" + entry.certificate + " ";
  EXPECT_EQ(names, "a:a.crt h:a.crt i:a.crt j:a.crt k:a.crt b:b.crt d:d.crt e:d.crt c:c.crt ");
}

TEST(HostsFileTest, ANulByteInAListIsAnErrorOfTheLineThatIncludesIt) {
  const TempDir dir;
  dir.Write("pg_hosts.conf", "a,@names a.crt a.key\n");
  dir.Write("names", "b\0c\n"s);
  EXPECT_THAT(Read(dir).errors, ElementsAre(tls::HostsError{dir.path() + "/pg_hosts.conf", 1, "a NUL byte"}));
  EXPECT_THAT(Read(dir).entries, IsEmpty());
}

TEST(HostsFileTest, AFileThatIsMissingIsAnErrorUnlessItMayBe) {
  const TempDir dir;
  EXPECT_FALSE(Read(dir).in_use()) << "PostgreSQL takes a missing pg_hosts.conf for an empty one";
  dir.Write("pg_hosts.conf", "include none.conf\na,@names a.crt a.key\n");
  const HostsFile hosts = Read(dir);
  EXPECT_THAT(hosts.errors, ElementsAre(tls::HostsError{dir.path() + "/none.conf", 0, "missing"},
                                        tls::HostsError{dir.path() + "/names", 0, "missing"}));
  EXPECT_THAT(hosts.entries, ElementsAre(HostEntry{"a", "a.crt", ""}));
}

TEST(HostsFileTest, AFileThatIncludesItselfEnds) {
  const TempDir dir;
  dir.Write("pg_hosts.conf", "include pg_hosts.conf\na,@names a.crt a.key\n");
  dir.Write("names", "b\n@names\n");
  const HostsFile hosts = Read(dir);
  EXPECT_THAT(hosts.errors,
              ElementsAre(tls::HostsError{dir.path() + "/pg_hosts.conf", 0, "included_twice"},
                          tls::HostsError{dir.path() + "/pg_hosts.conf", 2, "the name b is listed twice"}));
}

TEST(HostsFileTest, WhatIsNotTheServersIsNotRead) {
  const TempDir dir;
  dir.Write("pg_hosts.conf", "a a.crt a.key\n");
  const HostsFile hosts =
      ParseHosts(ReadHostsLines(dir.path() + "/pg_hosts.conf", [](const std::string&) { return false; }));
  EXPECT_THAT(hosts.errors, ElementsAre(tls::HostsError{dir.path() + "/pg_hosts.conf", 0, "other_file_system"}));
}

TEST(HostsFileTest, KeepsABoundedNumberOfEntries) {
  std::string content;
  for (std::size_t i = 0; i < kMostHostEntries + 1; ++i) content += "n" + std::to_string(i) + " a.crt a.key\n";
  const HostsFile hosts = Parse(content);
  EXPECT_EQ(hosts.entries.size(), kMostHostEntries);
  EXPECT_TRUE(hosts.truncated);
}

}  // namespace
}  // namespace pgtls::files
