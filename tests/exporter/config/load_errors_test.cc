// Every mistake in a configuration file is told with its place.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectors/registry.h"
#include "exporter/base/error.h"
#include "exporter/config/load.h"

namespace pgtls::config {
namespace {

// Stands for libpq: what is in [brackets] is a keyword that the conninfo sets.
std::set<std::string> NoHost(const std::string& conninfo) {
  if (conninfo.find("host") == std::string::npos) throw ConfigError("conninfo: no host");
  const auto open = conninfo.find('[');
  if (open == std::string::npos) return {};
  return {conninfo.substr(open + 1, conninfo.find(']') - open - 1)};
}

// The message behind "/x/c.yml:", or "" where the content is accepted.
std::string ErrorOf(const std::string& content) {
  try {
    Parse("/x/c.yml", content, collectors::Schemas(), NoHost);
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("/x/c.yml:")) << text;
    return text.substr(9);
  }
  return "";
}

struct Case {
  std::string content;
  std::string message;
};

void ExpectAll(std::initializer_list<Case> cases) {
  for (const auto& [content, message] : cases) EXPECT_EQ(ErrorOf(content), message) << content;
}

TEST(LoadErrorsTest, UnknownKeysAtEveryLevel) {
  ExpectAll({
      {"servers: [{name: a}]\nserver: x",
       "2:1: unknown key 'server'; known are: servers, roots, collectors, policy, "
       "modules"},
      {"servers:\n  - name: a\n    pasword_file: x",
       "3:5: servers[0]: unknown key 'pasword_file'; known are: name, conninfo, password_file, processes, "
       "endpoint, endpoint_names, roots, collectors"},
      {"collectors: {session: {}}",
       "1:14: collectors: unknown key 'session'; known are: certificates, endpoint, hba, links, log, sessions, "
       "settings"},
      {"collectors:\n  settings: {max_series: 3}",
       "2:14: collectors.settings: unknown key 'max_series'; known are: enabled, interval, timeout"},
      {"servers: [{name: a, collectors: {hba: {client_addr: true}}}]",
       "1:40: servers[0].collectors.hba: unknown key 'client_addr'; known are: enabled, interval, timeout, max_series"},
      {"policy: {allow: []}", "1:10: policy: unknown key 'allow'; known are: allow_unencrypted, require, loopback"},
      {"policy: {loopback: error}", "1:20: policy.loopback: expected note, warning or critical"},
      {"policy: {loopback: [note]}", "1:20: policy.loopback: expected a string"},
      {"policy:\n  allow_unencrypted:\n  - {name: e, users: u}",
       "3:15: policy.allow_unencrypted[0]: unknown key 'users'; known are: name, user, database, client_addr, "
       "application_name, until"},
      {"modules:\n  m:\n    targets: []",
       "3:5: modules.m: unknown key 'targets'; known are: conninfo, password_file, collectors, allowed_targets"},
  });
}

TEST(LoadErrorsTest, WrongTypes) {
  ExpectAll({
      {"- a", "1:1: expected a mapping (key: value)"},
      {"servers: a", "1:10: servers: expected a list"},
      {"servers: {name: a}", "1:10: servers: expected a list"},
      {"servers: [a]", "1:11: servers[0]: expected a mapping (key: value)"},
      {"servers: [{name: [a]}]", "1:18: servers[0].name: expected a string"},
      {"servers: [{name: ''}]", "1:18: servers[0].name: must not be empty"},
      {"servers: [{name: }]", "1:18: servers[0].name: expected a string"},
      {"servers: [{name: a, conninfo: {host: b}}]", "1:31: servers[0].conninfo: expected a string"},
      {"servers: [{[a]: b}]", "1:12: servers[0]: a key must be a plain word"},
      {"servers: [{name: \"a\\x07b\"}]", "1:18: servers[0].name: a control character is not allowed"},
      {"servers: [{name: \"a\\0b\"}]", "1:18: servers[0].name: a NUL character is not allowed"},
      {"collectors: {hba: {enabled: yes}}", "1:29: collectors.hba.enabled: expected true or false"},
      {"collectors: {hba: on}", "1:19: collectors.hba: expected a mapping (key: value)"},
      {"collectors: {hba: {max_series: 0}}", "1:32: collectors.hba.max_series: expected a number from 1 to 100000"},
      {"collectors: {hba: {max_series: 10x}}", "1:32: collectors.hba.max_series: expected a number from 1 to 100000"},
      {"collectors: {sessions: {ipv4_prefix: 33}}",
       "1:38: collectors.sessions.ipv4_prefix: expected a number from 0 to 32"},
      {"collectors: {sessions: {ipv6_prefix: -1}}",
       "1:38: collectors.sessions.ipv6_prefix: expected a number from 0 to 128"},
      {"collectors: {certificates: {read_via: ssh}}",
       "1:39: collectors.certificates.read_via: expected auto, local or sql"},
      {"collectors: {certificates: {files: /a}}", "1:36: collectors.certificates.files: expected a list"},
      {"modules: []", "1:10: modules: expected a mapping (key: value)"},
  });
}

TEST(LoadErrorsTest, Durations) {
  for (const char* text :
       {"15", "s", "", "-1s", "1.5s", "15 s", "15sec", "1h30m", "99ms", "0s", "367d", "9999999999s", "0x10s", "１5s"}) {
    EXPECT_EQ(ErrorOf(std::string("collectors:\n  hba:\n    interval: \"") + text + "\""),
              "3:15: collectors.hba.interval: expected a duration such as 500ms, 15s, 5m or 1h, from 100ms to 366d")
        << text;
  }
  EXPECT_EQ(ErrorOf("collectors: {hba: {timeout: 9ms}}"),
            "1:29: collectors.hba.timeout: expected a duration such as 500ms, 15s, 5m or 1h, from 10ms to 366d");
}

TEST(LoadErrorsTest, WhatIsGivenTwice) {
  ExpectAll({
      {"servers: []\nservers: [{name: a}]", "2:1: key 'servers' is used twice"},
      {"servers: [{name: a, name: b}]", "1:21: servers[0]: key 'name' is used twice"},
      {"collectors: {hba: {}, hba: {}}", "1:23: collectors: key 'hba' is used twice"},
      {"servers:\n- {name: a, conninfo: host=a}\n- {name: a, conninfo: host=b}",
       "3:3: servers[1]: the name 'a' is used twice"},
      {"policy: {allow_unencrypted: [{name: e, user: a}, {name: e, user: b}]}",
       "1:50: policy.allow_unencrypted[1]: the name 'e' is used twice"},
      {"modules: {m: {}, m: {}}", "1:18: modules: key 'm' is used twice"},
  });
}

TEST(LoadErrorsTest, Servers) {
  ExpectAll({
      {"servers: []", "1:1: no servers (and no modules for /probe) are configured"},
      {"collectors: {}", "1:1: no servers (and no modules for /probe) are configured"},
      {"", "1:1: expected a mapping (key: value)"},
      {"# nothing\n", "1:1: expected a mapping (key: value)"},
      {"servers:\n- {conninfo: host=a}", "2:3: servers[0]: a server needs a name"},
      {"servers:\n- {name: a, conninfo: user=u}", "2:23: servers[0].conninfo: conninfo: no host"},
      {"servers: [{name: a, endpoint: 'db:0'}]", "1:31: servers[0].endpoint: expected a port from 1 to 65535"},
      {"servers: [{name: a, endpoint: 'db:65536'}]", "1:31: servers[0].endpoint: expected a port from 1 to 65535"},
      {"servers: [{name: a, endpoint: 'db:x'}]", "1:31: servers[0].endpoint: expected a port from 1 to 65535"},
      {"servers: [{name: a, endpoint: 'db:'}]", "1:31: servers[0].endpoint: expected host:port"},
      {"servers: [{name: a, endpoint: ':5432'}]", "1:31: servers[0].endpoint: expected host:port"},
      {"servers: [{name: a, endpoint: '::1'}]",
       "1:31: servers[0].endpoint: an IPv6 address must be in brackets: [::1]:5432"},
      {"servers: [{name: a, endpoint: '[::1'}]", "1:31: servers[0].endpoint: expected [address]:port"},
      {"servers: [{name: a, endpoint: '[::1]5432'}]", "1:31: servers[0].endpoint: expected [address]:port"},
  });
  const std::string no_name =
      "servers[0].endpoint_names[1]: expected a host name such as db.example.com: letters, digits, '-', '_' and dots "
      "between labels, without a port";
  ExpectAll({
      {"servers: [{name: a, endpoint_names: b.example}]", "1:37: servers[0].endpoint_names: expected a list"},
      {"servers:\n- name: a\n  endpoint_names: [b, 'c:5432']", "3:23: " + no_name},
      {"servers:\n- name: a\n  endpoint_names: [b, '*.c']", "3:23: " + no_name},
      {"servers:\n- name: a\n  endpoint_names: [b, '/no_sni/']", "3:23: " + no_name},
      {"servers:\n- name: a\n  endpoint_names: [b, 'c..d']", "3:23: " + no_name},
      {"servers:\n- name: a\n  endpoint_names: [b, 'c d']", "3:23: " + no_name},
      {"servers: [{name: a, endpoint_names: [10.0.0.1]}]",
       "1:38: servers[0].endpoint_names[0]: expected a host name: clients send no SNI for an address"},
      {"servers: [{name: a, endpoint_names: ['fe80::1%eth0']}]",
       "1:38: servers[0].endpoint_names[0]: expected a host name: clients send no SNI for an address"},
      {"servers: [{name: a, endpoint_names: [b.example, B.example]}]",
       "1:49: servers[0].endpoint_names[1]: the name 'B.example' is listed twice"},
  });
  std::string names;
  for (int i = 0; i < 33; ++i) names += fmt::format("n{},", i);
  EXPECT_EQ(ErrorOf("servers: [{name: a, endpoint_names: [" + names + "]}]"),
            "1:37: servers[0].endpoint_names: at most 32 names: each costs a handshake in every run");
  EXPECT_EQ(ErrorOf("servers: [{name: " + std::string(201, 'a') + "}]"),
            "1:18: servers[0].name: longer than 200 bytes");
}

TEST(LoadErrorsTest, Roots) {
  ExpectAll({
      {"roots: [next.crt]\nservers: [{name: a}]", "1:8: roots: expected a mapping (key: value)"},
      {"servers:\n- name: a\n  roots: next.crt", "3:10: servers[0].roots: expected a mapping (key: value)"},
      {"servers:\n- name: a\n  roots: {next: ''}", "3:17: servers[0].roots.next: must not be empty"},
      {"servers:\n- name: a\n  roots: {next: [a.crt]}", "3:17: servers[0].roots.next: expected a string"},
      {"servers:\n- name: a\n  roots: {'': a.crt}", "3:15: servers[0].roots.: the name must not be empty"},
      {"servers:\n- name: a\n  roots: {\"a\\n\": a.crt}",
       "3:18: servers[0].roots.a\n: a control character is not allowed"},
      {"servers:\n- name: a\n  roots: {next: a, next: b}", "3:20: servers[0].roots: key 'next' is used twice"},
  });
  std::string roots;
  for (int i = 0; i < 16; ++i) roots += fmt::format("r{}: r.crt, ", i);
  const std::string most = "at most 16 root files for a server: each is verified in every run";
  EXPECT_EQ(ErrorOf("roots: {" + roots + "}\nservers: [{name: a}]"), "");
  EXPECT_EQ(ErrorOf("roots: {" + roots + "more: r.crt}\nservers: [{name: a}]"), "1:8: roots: " + most);
  EXPECT_EQ(ErrorOf("roots: {" + roots + "}\nservers: [{name: a, roots: {more: r.crt}}]"),
            "2:28: servers[0].roots: " + most);
}

TEST(LoadErrorsTest, ClientInventory) {
  const auto error_of = [](const std::string& text) {
    return ErrorOf("servers: [{name: a}]\ncollectors:\n  certificates: {" + text + "}");
  };
  EXPECT_EQ(
      error_of("client_inventory: {files: [a/*.crt], openssl_index: [index.txt]}, client_certificates: {keep: 1d}"),
      "");
  EXPECT_EQ(error_of("client_inventory: [a]"),
            "3:36: collectors.certificates.client_inventory: expected a mapping (key: value)");
  EXPECT_EQ(error_of("client_inventory: {file: a}"),
            "3:37: collectors.certificates.client_inventory: unknown key 'file'; known are: files, openssl_index");
  EXPECT_EQ(error_of("client_inventory: {openssl_index: index.txt}"),
            "3:52: collectors.certificates.client_inventory.openssl_index: expected a list");
  EXPECT_EQ(error_of("client_certificates: {keep: 7}"),
            "3:46: collectors.certificates.client_certificates.keep: expected a duration such as 500ms, 15s, 5m or 1h, "
            "from 1000ms to 366d");
}

TEST(LoadErrorsTest, Exemptions) {
  const auto error_of = [](const std::string& entry) {
    return ErrorOf("policy:\n  allow_unencrypted:\n  - {" + entry + "}");
  };
  const std::string entry = "policy.allow_unencrypted[0]";
  EXPECT_EQ(error_of("user: u"), "3:5: " + entry + ": an exemption needs a name");
  EXPECT_EQ(error_of("name: e"), "3:5: " + entry + ": an exemption needs at least one of user, database, client_addr");
  for (const char* fields : {"application_name: x, user: u", "application_name: x, client_addr: 10.0.0.0/8",
                             "application_name: '', database: d", "application_name: x, user: u, database: d"}) {
    EXPECT_EQ(error_of(std::string("name: e, ") + fields),
              "3:5: " + entry +
                  ": application_name counts only together with user and client_addr: clients choose it themselves");
  }
  EXPECT_EQ(error_of("name: e, application_name: x"),
            "3:5: " + entry + ": an exemption needs at least one of user, database, client_addr");
  for (const char* range : {"10.1.2.0/33", "10.1.2", "db", "10.0.0.0/-0", "10.1.2.0-10.1.2.9"}) {
    EXPECT_EQ(error_of(std::string("name: e, client_addr: ") + range),
              "3:28: " + entry + ".client_addr: expected an address range such as 10.1.2.0/24")
        << range;
  }
  for (const char* day : {"2027-02-29", "2027-13-01", "2027-00-10", "2027-01-00", "2027-1-1", "31.01.2027",
                          "2027-01-31T00:00:00Z", "-123-01-01", "2027--1-01", "2027-01-3x", "20270131"}) {
    EXPECT_EQ(error_of(std::string("name: e, user: u, until: ") + day),
              "3:31: " + entry + ".until: expected a date as YYYY-MM-DD")
        << day;
  }
}

TEST(LoadErrorsTest, Requirements) {
  const auto error_of = [](const std::string& entry) { return ErrorOf("policy:\n  require:\n  - {" + entry + "}"); };
  const std::string entry = "policy.require[0]";
  EXPECT_EQ(error_of("min_version: TLSv1.3"), "3:5: " + entry + ": a requirement needs a name");
  EXPECT_EQ(error_of("name: r, user: u"),
            "3:5: " + entry + ": a requirement needs at least one of min_version, ciphers, client_issuers");
  for (const char* version : {"'1.3'", "TLS1.3", "tlsv1.3", "SSLv3"}) {
    EXPECT_EQ(error_of(std::string("name: r, min_version: ") + version),
              "3:28: " + entry + ".min_version: expected TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3")
        << version;
  }
  EXPECT_EQ(error_of("name: r, ciphers: []"),
            "3:24: " + entry + ".ciphers: an empty list would refuse every session: leave the key out");
  EXPECT_EQ(error_of("name: r, min_version: TLSv1.3, client_addr: 10.1.2"),
            "3:50: " + entry + ".client_addr: expected an address range such as 10.1.2.0/24");
  EXPECT_EQ(error_of("name: r, min_version: TLSv1.3, application_name: a"),
            "3:37: " + entry +
                ": unknown key 'application_name'; known are: name, user, database, client_addr, min_version, ciphers, "
                "client_issuers");
  EXPECT_EQ(ErrorOf("policy: {require: [{name: r, ciphers: [A]}, {name: r, ciphers: [B]}]}"),
            "1:45: policy.require[1]: the name 'r' is used twice");
}

TEST(LoadErrorsTest, Modules) {
  const auto error_of = [](const std::string& fields) { return ErrorOf("modules:\n  m: {" + fields + "}"); };
  EXPECT_EQ(error_of("collectors: [hba]"),
            "2:6: modules.m: allowed_targets is required: without it every target would be refused (for example "
            "['10.0.0.0/8:5432'])");
  EXPECT_EQ(error_of("collectors: [hba], allowed_targets: []"),
            "2:6: modules.m: allowed_targets is required: without it every target would be refused (for example "
            "['10.0.0.0/8:5432'])");
  EXPECT_EQ(error_of("allowed_targets: ['a:1']"),
            "2:6: modules.m: collectors is required: those that this module may run");
  EXPECT_EQ(error_of("collectors: [nope]"), "2:20: modules.m.collectors[0]: there is no collector of this name");
  for (const char* target : {"db", "*", ":5432", "db:"}) {
    EXPECT_EQ(error_of(std::string("allowed_targets: ['") + target + "']"),
              "2:25: modules.m.allowed_targets[0]: expected HOST:PORT, where PORT may be * and HOST a name, *.domain "
              "or a range")
        << target;
  }
  for (const char* target : {"*:5432", "a*.b:1", "*.a.*:1", "*.:1", "10.0.0.0/33:1", "db/8:1", "**.a:1"}) {
    EXPECT_EQ(
        error_of(std::string("allowed_targets: ['") + target + "']"),
        "2:25: modules.m.allowed_targets[0]: expected a host name, *.domain, an address or a range such as 10.0.0.0/8")
        << target;
  }
  EXPECT_EQ(error_of("allowed_targets: ['db:0']"),
            "2:25: modules.m.allowed_targets[0]: expected a port from 1 to 65535");
  // The target supplies the host: a password must never go elsewhere.
  for (const char* key : {"host", "hostaddr", "port", "service"}) {
    EXPECT_EQ(error_of(std::string("conninfo: 'hosts [") + key + "]'"),
              std::string("2:17: modules.m.conninfo: a module's conninfo must not contain ") + key +
                  ": the target of the probe names it")
        << key;
  }
  EXPECT_EQ(error_of("conninfo: 'no'"), "2:17: modules.m.conninfo: conninfo: no host");
  for (const char* uri : {"postgresql://u@db/", "postgres://u@db/"}) {
    EXPECT_EQ(error_of(std::string("conninfo: '") + uri + "'"),
              "2:17: modules.m.conninfo: a module's conninfo has the form key=value");
  }
  // A word in a value is no keyword, nor is its address a URI.
  EXPECT_EQ(
      error_of("conninfo: \"options='-c x=host = a://b' [options]\", collectors: [hba], allowed_targets: ['a:1']"), "");
}

TEST(LoadErrorsTest, Syntax) {
  EXPECT_EQ(ErrorOf("servers: [\n"), "2:1: end of sequence flow not found");
  EXPECT_THAT(ErrorOf("servers:\n\t- name: a"), testing::StartsWith("2:2: "));
  EXPECT_THAT(ErrorOf("servers: *nowhere"), testing::StartsWith("1:10: "));
  EXPECT_EQ(ErrorOf("servers: [{name: a, conninfo: host=a}]\n---\nservers: []\n"),
            "2:1: only one YAML document is allowed");
  EXPECT_EQ(ErrorOf("}servers: [{name: a}]"), "1:1: illegal flow end");
  EXPECT_EQ(ErrorOf("---\nservers: [{name: a, conninfo: host=a}]\n...\n"), "");
}

TEST(LoadErrorsTest, DeepNestingIsAnErrorAndNoCrash) {
  EXPECT_NE(ErrorOf(std::string(100'000, '[')), "");
  EXPECT_NE(ErrorOf(std::string(100'000, '{')), "");
  std::string dashes;
  for (int i = 0; i < 50'000; ++i) dashes += "- ";
  EXPECT_NE(ErrorOf(dashes), "");
}

TEST(LoadErrorsTest, Processes) {
  const std::string begin = "servers: [{name: a, processes: ";
  std::string many;
  for (int i = 0; i < 65; ++i) many += "'[host] host=/run/" + std::to_string(i) + "', ";
  ExpectAll({
      {begin + "'[host] host=/run/1'}]", "1:32: servers[0].processes: expected a list"},
      {begin + "[port=1]}]", "1:33: servers[0].processes[0]: conninfo: no host"},
      {begin + "['']}]", "1:33: servers[0].processes[0]: must not be empty"},
      {begin + "['postgresql://host/']}]",
       "1:33: servers[0].processes[0]: an entry has the form key=value, such as host=/run/pgbouncer/1 port=6432"},
      {begin + "['postgres://host/']}]",
       "1:33: servers[0].processes[0]: an entry has the form key=value, such as host=/run/pgbouncer/1 port=6432"},
      {begin + "['# host']}]", "1:33: servers[0].processes[0]: an entry names host, hostaddr or port"},
      {begin + "['[host] host=/run/1', '[password] host=/run/2']}]",
       "1:55: servers[0].processes[1]: an entry has host, hostaddr and port only: password is taken from the server's "
       "conninfo"},
      {begin + "['[host] host=/run/1', '[host] host=/run/1']}]",
       "1:55: servers[0].processes[1]: the entry is listed twice"},
      {begin + "[" + many + "]}]", "1:32: servers[0].processes: at most 64 processes"},
      {begin + "['[host] host=/run/1', '[hostaddr] host=', '[port] host=']}]", ""},
  });
}

}  // namespace
}  // namespace pgtls::config
