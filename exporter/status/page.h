// The status page: for those who have no dashboard at hand.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "exporter/http/message.h"
#include "exporter/sampling/result.h"
#include "exporter/status/view.h"

namespace pgtls::status {

// What the page says of itself.
struct StatusFrame {
  std::string telemetry_path = "/metrics";
  std::string version;          // of the exporter
  std::string shard;            // "0/3": this exporter's part of the servers; empty: all of them
  bool narrowed = false;        // to some servers, by ?server=
  bool refreshes = true;        // by itself
  bool reload_refused = false;  // the configuration's last reload
};

// HTML that needs no script, no other resource and no inline attribute: one <style>, StyleHash()'s. Pure.
std::string StatusPage(const StatusView& view, const StatusFrame& frame);

// Where the page comes from. Called from worker threads, several at once.
struct StatusSource {
  std::function<sampling::Snapshots()> servers;
  std::function<bool()> reload_refused;
  std::string telemetry_path;
  std::string version;
  std::string shard;
};

// GET /: reads results, never waits for a database. `?server=NAME` (repeatable) narrows it as it narrows /metrics, and
// shows more of these servers; `?refresh=off` stops the automatic refresh.
http::Handler StatusHandler(StatusSource source);

}  // namespace pgtls::status
