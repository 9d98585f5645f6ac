#!/usr/bin/env python3
"""What a Prometheus recorded of servers, as OpenMetrics for promtool: report_history.py NOW

Each server has a story; report_test.sh has what `report` must make of it. NOW is in seconds. The samples go on for a while after it, since
time goes on while the test runs.
"""
import sys

NOW = int(sys.argv[1])
HOUR = 3600
AFTER = 1800
GLIMPSE = (NOW // 120 - 150) * 120
families = {}


def add(name, labels, times, value, kind="gauge"):
    family = families.setdefault(name, (kind, []))
    escaped = {key: one.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for key, one in labels.items()}
    text = ",".join(f'{key}="{one}"' for key, one in escaped.items())
    for time in times:
        number = value(time)
        if number is not None:
            family[1].append(f"{name}{{{text}}} {number} {time}")


def ago(hours):
    return NOW - int(hours * HOUR)


class Exporter:
    """One exporter of one server, all well; a story overrides what is not."""

    def __init__(self, server, instance=None, interval=60, since=8, start=None):
        self.server = server
        self.instance = instance or f"{server}:9743"
        self.interval = interval
        self.begin = ago(since)
        self.start = start or (lambda time: ago(100))  # of its counters
        self.losses = {}  # reason: value
        self.scraped = lambda time: True
        self.failed = lambda time: False  # the scrape, as Prometheus noticed
        self.up = lambda time: 1
        self.sessions = lambda time: 1  # the collector's success
        self.age = lambda time: 2
        self.collects = 15
        self.established = lambda time: (time - self.begin) // 60
        self.sampled = None
        self.unencrypted = {}  # (network, allowed): value
        self.open = lambda time: 0  # unencrypted connections from other hosts that are not allowed
        self.more = []  # (name, labels, value, kind)

    def write(self):
        times = range(self.begin - self.begin % self.interval, NOW + AFTER, self.interval)
        exporter = {"job": "pg_tls", "instance": self.instance}
        of = {**exporter, "server": self.server}
        collector = {**of, "collector": "sessions"}
        there = lambda value: lambda time: value(time) if self.scraped(time) and not self.failed(time) else None
        sql = lambda value: there(lambda time: value(time) if self.up(time) and self.sessions(time) else None)
        add("up", exporter, times, lambda time: (0 if self.failed(time) else 1) if self.scraped(time) else None)
        add("pg_tls_sessions_counted_since_timestamp_seconds", of, times, sql(self.start))
        for reason in ("server_changed", *(("server_restarted", "statistics_reset", "database_dropped") if self.established else ())):
            value = self.losses.get(reason, lambda time: None if self.start(time) is None else 3 if self.start(time) == ago(100) else 0)
            add("pg_tls_session_count_losses_total", {**of, "reason": reason}, times, sql(value or (lambda time: None)), "counter")
        add("pg_tls_up", of, times, there(self.up))
        add("pg_tls_collector_success", collector, times, there(lambda time: self.sessions(time) if self.up(time) else 0))
        add("pg_tls_collector_last_success_timestamp_seconds", collector, times, there(lambda time: time - self.age(time)))
        add("pg_tls_collector_interval_seconds", collector, times, there(lambda time: self.collects))
        for network in ("remote", "loopback"):
            for allowed in ("true", "false"):
                value = self.unencrypted.get((network, allowed), lambda time: 0)
                add("pg_tls_unencrypted_sessions_total", {**of, "network": network, "allowed": allowed}, times, sql(value), "counter")
        add("pg_tls_sessions_total", {**of, "database": "app", "user": "app", "network": "remote", "encryption": "tls"}, times,
            sql(self.established or (lambda time: 5)), "counter")
        add("pg_tls_unencrypted_connections_by_network", {**of, "network": "remote", "allowed": "false"}, times, sql(self.open))
        if self.established:
            add("pg_tls_established_sessions_total", {**of, "database": "app"}, times, sql(self.established), "counter")
            add("pg_tls_sampled_sessions_total", {**of, "database": "app"}, times, sql(self.sampled or self.established), "counter")
        certificate = {**of, "source": "served", "role": "server", "path": "", "position": "0", "subject": f"CN={self.server}"}
        add("pg_tls_certificate_not_after_timestamp_seconds", certificate, times, there(lambda time: ago(-2400)))
        add("pg_tls_certificate_not_before_timestamp_seconds", certificate, times, there(lambda time: ago(2400)))
        add("pg_tls_certificate_info", {**certificate, "issuer": "CN=CA", "serial": "0a", "fingerprint_sha256": "ab", "key_algorithm": "RSA",
                                        "key_size": "2048"}, times, there(lambda time: 1))
        for name, labels, value, kind in self.more:
            add(name, {**of, **labels}, times, there(value), kind)


def within(begin, end):
    return lambda time: ago(begin) <= time <= ago(end)


def story(server, **changes):
    exporter = Exporter(server, **{key: changes.pop(key) for key in ("instance", "interval", "since", "start") if key in changes})
    for name, value in changes.items():
        setattr(exporter, name, value)
    exporter.write()


def since(hours, value, before=0):
    return lambda time: value if time >= ago(hours) else before


def client(user, address, allowed, when):
    labels = {"database": "app", "user": user, "client_addr": address, "application_name": "psql", "network": "remote", "allowed": allowed}
    return ("pg_tls_unencrypted_connections", labels, lambda time: 2 if when(time) else None, "gauge")


def exempted(exemption, connections, when=lambda time: True, user=None):
    """An exemption that is in force, and who uses it."""
    more = [("pg_tls_policy_exempted_connections_by_exemption", {"exemption": exemption},
             lambda time: (connections(time) or 0) if when(time) else None, "gauge")]
    if user:
        labels = {"exemption": exemption, "database": "app", "user": user, "client_addr": "10.1.2.3"}
        more.append(("pg_tls_policy_exempted_connections", labels, lambda time: connections(time) if when(time) else None, "gauge"))
    return more


def log(value, unencrypted=lambda time: 0, success=lambda time: 1):
    collector = {"collector": "log"}
    return [("pg_tls_collector_success", collector, success, "gauge"),
            ("pg_tls_collector_last_success_timestamp_seconds", collector, lambda time: time - 1, "gauge"),
            ("pg_tls_collector_interval_seconds", collector, lambda time: 10, "gauge"),
            ("pg_tls_logged_sessions_total", {"database": "app", "user": "app", "network": "remote", "encryption": "tls"}, value, "counter"),
            ("pg_tls_logged_unencrypted_sessions_total", {"network": "remote", "allowed": "false"}, unencrypted, "counter")]


story("proven")
# Prometheus itself was down: no marker says that the series ended.
story("gap", scraped=lambda time: not within(3, 2.5)(time))
story("exporter_down", failed=within(3, 2.5))
story("server_down", up=lambda time: 0 if within(3, 2.5)(time) else 1)
story("one_failure", sessions=lambda time: 0 if within(3.02, 3)(time) else 1,
      more=[("pg_tls_collector_failure_info", {"collector": "sessions", "reason": "timeout"},
             lambda time: 1 if within(3.02, 3)(time) else None, "gauge")])
story("stale", age=lambda time: 60 if within(3, 2.5)(time) else 2)
story("incomplete", more=[("pg_tls_collector_incomplete_info", {"collector": "sessions", "part": "encryption", "reason": "error"},
                           lambda time: 1 if within(3, 2.5)(time) else None, "gauge")])
# What the exporter may not see of other things is no gap.
story("policy", more=[("pg_tls_collector_incomplete_info", {"collector": "sessions", "part": "policy", "reason": "not_shown"},
                       lambda time: 1, "gauge")])
story("late", since=3)
# Unencrypted sessions before the period, and one of an allowed client within it.
story("allowed", unencrypted={("remote", "true"): since(3, 7, before=4), ("remote", "false"): lambda time: 9},
      more=[client("erp", "10.1.2.3", "true", within(3, 2)),
            ("pg_tls_policy_exemption_end_timestamp_seconds", {"exemption": "legacy-erp"}, lambda time: ago(-2400), "gauge"),
            *exempted("legacy-erp", lambda time: (2 if time < ago(2.5) else 1) if within(3, 2)(time) else None, user="erp"),
            *exempted("endless", lambda time: None),
            *exempted("<b>\n", lambda time: 4 if within(3, 2.9)(time) else None, when=within(4, 2), user="<i>"),
            # In force and used, and over before the period.
            *exempted("former", lambda time: 3, when=within(8, 7), user="old")])
story("unencrypted", scraped=lambda time: not within(3, 2.5)(time), unencrypted={("remote", "false"): since(2, 3)},
      more=[client("bob", "192.0.2.7", "false", within(2, 1.5))])
# Open when the period began: no counter has it.
story("open_before", more=[client("bob", "192.0.2.7", "false", within(7, 5))])
# In one sample alone.
story("glimpse", interval=120, open=lambda time: 1 if time == GLIMPSE else 0)
# Prometheus does not have who it was, or not even that.
story("nameless", open=lambda time: 1 if within(3, 2)(time) else 0)
story("dropped", open=lambda time: None if within(3, 2.5)(time) else 0)
# In a Prometheus of several clusters.
story("ambiguous", more=[("pg_tls_up", {"cluster": "us"}, lambda time: 1 if within(3, 2.5)(time) else None, "gauge")])
# Its second process counts from 0 again. Each had one.
story("restarted", start=lambda time: ago(100) if time < ago(3) else ago(3) - 5,
      established=lambda time: (time - ago(100)) // 60 if time < ago(3) else (time - ago(3)) // 60,
      unencrypted={("remote", "false"): lambda time: (5 if time < ago(4) else 6) if time < ago(3) else (0 if time < ago(2) else 1)})
# By a reload, the server was removed and added again: the exporter's process went on.
story("readded", start=lambda time: ago(100) if time < ago(3) else ago(3) - 5, established=lambda time: (time - ago(100)) // 60)
story("reset", losses={"statistics_reset": since(3, 5, before=4)})
story("reset_before", losses={"statistics_reset": since(6.5, 5, before=4)})
story("dropped_database", losses={"database_dropped": since(3, 4, before=3)})
story("switchover", losses={"server_changed": since(3, 4, before=3)})
story("crash", losses={"server_restarted": since(3, 4, before=3)})
# Prometheus keeps no series that would show a loss, or a session that is missed.
story("losses_dropped", losses={"statistics_reset": None})
story("sampled_dropped", sampled=lambda time: None)
# Several scrapes for each collection.
aligned = ago(3) - ago(3) % 60
fast = {"interval": 20, "since": 7, "collects": 60}
story("fast_loss", **fast, age=lambda time: time % 60, losses={"statistics_reset": lambda time: 1 if time >= aligned else 0})
# One is restarted after the other: for five seconds, neither knows all.
story("rolling", instance="mon3:9743", **fast, age=lambda time: time % 60, start=lambda time: ago(100) if time < aligned else aligned)
story("rolling", instance="mon4:9743", **fast, age=lambda time: (time - 5) % 60,
      start=lambda time: ago(100) if time < aligned + 65 else aligned + 65)
# Before it was upgraded, it did not say since when it counts.
story("upgraded", start=lambda time: None if time < ago(3) else ago(3),
      unencrypted={("remote", "false"): lambda time: (0 if time < ago(5) else 7) if time < ago(3) else 0})
story("clock_ahead", age=lambda time: -60 if within(3, 2.5)(time) else 2)
# Of an exporter that does not say since when it counts.
story("older", start=lambda time: None, unencrypted={("remote", "false"): lambda time: 9})
story("two", instance="mon1:9743", scraped=lambda time: not within(5, 4)(time))
story("two", instance="mon2:9743", scraped=lambda time: not within(3, 2)(time))
# For four minutes, each session was too short.
short = lambda time: (time - ago(8)) // 60 - min(4, max(0, (time - ago(2)) // 60))
story("missed", sampled=short)
story("logged", sampled=short, more=log(lambda time: (time - ago(8)) // 60))
story("logged_reset", losses={"statistics_reset": since(3, 1), "database_dropped": since(3, 1)}, more=log(lambda time: (time - ago(8)) // 60))
story("less_logged_reset", losses={"statistics_reset": since(3, 1)}, more=log(lambda time: (time - ago(8)) // 90))
story("logged_crash", losses={"server_restarted": since(3, 1)}, more=log(lambda time: (time - ago(8)) // 60))
story("logged_switchover", losses={"server_changed": since(3, 1)}, more=log(lambda time: (time - ago(8)) // 60))
story("log_gap", sampled=short,
      more=log(lambda time: (time - ago(8)) // 60)
      + [("pg_tls_collector_incomplete_info", {"collector": "log", "part": "gap", "reason": "lost"},
          lambda time: 1 if within(3, 2.9)(time) else None, "gauge")])
story("logged_unencrypted", more=log(lambda time: (time - ago(8)) // 60, unencrypted=since(1, 1)))
story("pooler", established=None)
story('odd"name\\', since=7)
# More steps than one answer has.
story("paged", interval=5, since=15, scraped=lambda time: not within(12, 11.9)(time) and not within(5, 4.9)(time))

for name, (kind, lines) in families.items():
    print(f"# TYPE {name.removesuffix('_total') if kind == 'counter' else name} {kind}")
    print("\n".join(lines))
print("# EOF")
