// Streaming replication between two throwaway servers.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/support/postgres_server.h"
#include "tests/support/process.h"

namespace pgtls::collectors {

// Makes `standby` a copy of `primary` that follows it as `conninfo` says, beside its port. Both are restarted.
inline void Follow(support::PostgresServer& standby, support::PostgresServer& primary, const std::string& conninfo) {
  standby.Stop();
  primary.Stop();
  support::MustRun({"sh", "-c", R"(rm -rf "$1" && cp -a "$0" "$1")", primary.data_dir(), standby.data_dir()});
  standby.Set("port = " + std::to_string(standby.port()));
  standby.Set("unix_socket_directories = '" + standby.socket_dir() + "'");
  standby.Set("primary_conninfo = '" + conninfo + " port=" + std::to_string(primary.port()) + "'");
  standby.WriteDataFile("standby.signal", "");
  primary.Start();
  standby.Start();
}

// Whether the standby streams, waiting for it.
inline testing::AssertionResult Streams(const support::PostgresServer& standby) {
  const auto streaming = [&] {
    return !standby.Query("SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'").empty();
  };
  if (support::WaitUntil(streaming)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << standby.Log();
}

}  // namespace pgtls::collectors
