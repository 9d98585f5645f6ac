// How cost grows: with the number of servers (few sessions each), and with the number of sessions on one server. The
// sessions collector alone, so that what grows is what is measured. Prints markdown, and writes what gnuplot draws.
//   scaling_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_POINT [PATH_OF_SVG]]      (default 20)
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/bench/exporter.h"
#include "tests/bench/fleet.h"
#include "tests/bench/measure.h"
#include "tests/bench/program.h"

namespace pgtls::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Point {
  int size;            // servers, or sessions
  double cpu_ms;       // of one collection on every server
  double resident_mb;  // with nobody scraping
  double scrape_p50_ms;
  double page_kb;
};

// Watches the first `servers` of the fleet, each so often that about as many collections run at every point.
Point Measure(const std::string& program, const Fleet& fleet, int servers, int size, seconds duration) {
  const milliseconds interval = std::max(milliseconds(100), servers * milliseconds(10));
  const Exporter exporter(program,
                          fleet.Config(servers, fleet.root()) +
                              "collectors:\n  sessions: {interval: " + std::to_string(interval.count()) + "ms}\n",
                          Only("sessions"));
  const long before = fleet.Executions();
  const double cpu = CpuMs(exporter.pid());
  // Every server at least once, a few times where that is quick.
  Paced(std::max<milliseconds>(duration, 2 * interval), milliseconds(500), [] {});
  const double cpu_ms = CpuMs(exporter.pid()) - cpu;
  const long collections = fleet.Executions() - before;
  Point point{};
  point.size = size;
  point.cpu_ms = cpu_ms / static_cast<double>(collections) * servers;
  point.resident_mb = ResidentMb(exporter.pid());
  point.page_kb = static_cast<double>(exporter.Page().size()) / 1024;
  point.scrape_p50_ms = ScrapeP50Ms(exporter.port(), std::max(seconds(1), duration / 4));
  return point;
}

// The last column: what the last step added for each unit, beside what the step before it added. 1 is linear.
void Table(const char* what, const std::vector<Point>& points) {
  std::printf("| %s | CPU of a collection | resident memory | scrape p50 | page |\n|---|---|---|---|---|\n", what);
  for (const Point& p : points) {
    std::printf("| %d | %.2f ms | %.1f MB | %.2f ms | %.1f kB |\n", p.size, p.cpu_ms, p.resident_mb, p.scrape_p50_ms,
                p.page_kb);
  }
  const auto& a = points[points.size() - 3];
  const auto& b = points[points.size() - 2];
  const auto& c = points[points.size() - 1];
  const auto bend = [&](double Point::* y) {
    return ((c.*y - b.*y) / (c.size - b.size)) / ((b.*y - a.*y) / (b.size - a.size));
  };
  std::printf("| per unit, last step beside the one before (1: linear) | %.2f | %.2f | %.2f | %.2f |\n\n",
              bend(&Point::cpu_ms), bend(&Point::resident_mb), bend(&Point::scrape_p50_ms), bend(&Point::page_kb));
  std::fflush(stdout);
}

std::string Data(const std::vector<Point>& points) {
  std::string text;
  for (const Point& p : points) {
    text += std::to_string(p.size) + " " + std::to_string(p.cpu_ms) + " " + std::to_string(p.resident_mb) + " " +
            std::to_string(p.scrape_p50_ms) + " " + std::to_string(p.page_kb) + "\n";
  }
  return text;
}

// One plot for each measure and kind; the line through the largest point is proportional growth.
void Plot(const std::vector<Point>& servers, const std::vector<Point>& sessions, const std::string& svg) {
  const support::TempDir dir;
  std::string script = "set terminal svg size 1200,600 font 'sans,11' background '#ffffff'\nset output " +
                       support::Quoted(svg) +
                       "\nset multiplot layout 2,4\nset logscale xy\nset key off\nset grid\nset format y '%g'\n"
                       "set pointsize 0.8\n";
  const std::vector<const char*> names = {"CPU of a collection, ms", "resident memory, MB", "scrape p50, ms",
                                          "page, kB"};
  for (const auto* points : {&servers, &sessions}) {
    const bool is_servers = points == &servers;
    const std::string file = dir.Write(is_servers ? "servers" : "sessions", Data(*points));
    const Point& last = points->back();
    const std::vector<double> largest = {last.cpu_ms, last.resident_mb, last.scrape_p50_ms, last.page_kb};
    for (std::size_t i = 0; i < names.size(); ++i) {
      script += "set title '" + std::string(names[i]) + "'\nset xlabel '" + (is_servers ? "servers" : "sessions") +
                "'\nplot [0.8*" + std::to_string(points->front().size) + ":1.3*" + std::to_string(last.size) + "] " +
                std::to_string(largest[i] / last.size) + "*x with lines lc rgb '#b0b0b0' dt 2, '" + file +
                "' using 1:" + std::to_string(i + 2) + " with linespoints pt 7 lc rgb '#0060ad'\n";
    }
  }
  support::MustRun({"gnuplot", dir.Write("plot", script + "unset multiplot\n")});
}

int Run(const std::string& program, seconds duration, const std::string& svg) {
  AllowAllFiles();
  std::vector<Point> servers;
  {
    const Fleet fleet({.servers = 1000, .clusters = 20, .sessions = 5, .groups = 5});
    for (const int size : {1, 10, 100, 1000}) servers.push_back(Measure(program, fleet, size, size, duration));
  }
  std::vector<Point> sessions;
  for (const int size : {10, 100, 1000, 2000}) {
    // As many groups as sessions allow at 20 each: the page grows with them.
    const Fleet fleet({.servers = 1, .clusters = 1, .sessions = size, .groups = std::max(1, size / 20)});
    sessions.push_back(Measure(program, fleet, 1, size, duration));
  }
  std::printf("PostgreSQL 15 with TLS, the sessions collector alone, %lld s a point.\n\n",
              static_cast<long long>(duration.count()));
  Table("servers, with 5 sessions each", servers);
  Table("sessions on one server, 20 a user", sessions);
  if (!svg.empty()) Plot(servers, sessions, svg);
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace pgtls::bench

int main(int argc, char** argv) {
  return pgtls::bench::RunProgram(argc, argv, "scaling_bench PATH_OF_PG_TLS_EXPORTER [SECONDS_PER_POINT [PATH_OF_SVG]]",
                                  [](const std::vector<std::string>& arguments) {
                                    const int duration = arguments.size() > 1 ? std::stoi(arguments[1]) : 20;
                                    return pgtls::bench::Run(arguments[0], std::chrono::seconds(duration),
                                                             arguments.size() > 2 ? arguments[2] : "");
                                  });
}
