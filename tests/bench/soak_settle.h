// What must be so when nothing befalls the servers: before the storm, and once it is over.
#pragma once

#include <functional>
#include <string>

#include "tests/bench/fleet.h"
#include "tests/bench/soak_spans.h"
#include "tests/bench/soak_watch.h"

namespace pgtls::bench {

class Settled {
 public:
  Settled(const Fleet& fleet, const History& history, Watcher& watcher, Findings& findings)
      : fleet_(fleet), history_(history), watcher_(watcher), findings_(findings) {}

  // Each server is up again, each of its collectors succeeded, and the certificate that was installed last is the one
  // that is shown. Returns how long that took, in seconds.
  double EverythingIsBack();
  // Each server's page holds the clients that the server itself shows, no more and no fewer.
  void PagesAreTrue();
  // New sessions on every cluster: each server counts each of them once.
  void NewSessionsAreCountedOnce();
  // The exporter holds one connection to each server.
  void NoConnectionIsLeft();

 private:
  // Looks at pages until `done` held once for each server. Servers for which it never did are violations.
  void Await(const std::string& what, const std::function<bool(const Page&, int server)>& done);

  const Fleet& fleet_;
  const History& history_;
  Watcher& watcher_;
  Findings& findings_;
};

}  // namespace pgtls::bench
