#!/usr/bin/env python3
"""Sample events for the rule packs of this folder, as NDJSON on standard output.

    python3 rules/generate.py taxi | tocsin replay rules/taxi --input - --event-field event

The same pack, seed and number give the same bytes. Events arrive a little out of order, never later than the rules wait.
"""
import argparse
import json
import random
import sys

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z, in milliseconds


def behaviour(r, clock):
    """Users of whom some fall into rows of odd actions."""
    row = {}
    while True:
        user = f"user-{r.randrange(20)}"
        left = row.get(user, 0)
        if left == 0 and r.random() < 0.02:
            left = r.randint(2, 6)
        row[user] = max(left - 1, 0)
        action = r.choice(["export", "delete", "share"]) if left else r.choice(["view", "edit", "search"])
        yield clock(r.expovariate(1 / 5)), "user_action", {"user": user, "action": action, "odd": left > 0}


def logs(r, clock):
    """People who log in and work, some who guess passwords, a robot, and a night shift on a login that nobody saw."""
    users = [f"user-{i}" for i in range(30)]
    while True:
        user = r.choice(users)
        kind = r.random()
        if r.random() < 0.25:
            yield clock(r.uniform(1, 30)), "site_log", {"user": "night-shift", "action": "view"}
            continue
        if r.random() < 0.001:
            for _ in range(300):
                yield clock(r.uniform(0.1, 0.5)), "site_log", {"user": "robot", "action": "search"}
        if kind < 0.03:
            for _ in range(r.randint(3, 8)):
                yield clock(r.uniform(0.5, 20)), "site_log", {"user": user, "action": "login", "ok": False}
        elif kind < 0.10:
            yield clock(r.uniform(1, 40)), "site_log", {"user": user, "action": "login", "ok": True}
        elif kind < 0.14:
            yield clock(r.uniform(1, 40)), "site_log", {"user": user, "action": "logout"}
        else:
            action = r.choice(["view", "view", "edit", "export"])
            yield clock(r.uniform(1, 40)), "site_log", {"user": user, "action": action}


def windows(r, clock):
    """Devices with values around 50, a peak now and then, and breaks in which they say nothing."""
    devices = [f"device-{i}" for i in range(5)]
    silent, high = {}, {}
    while True:
        now = clock(r.uniform(0.5, 4))
        device = r.choice(devices)
        if silent.get(device, 0) > now:
            continue
        back = silent.pop(device, None) is not None
        if r.random() < (0.3 if back else 0.005):
            silent[device] = now + 240_000
        high[device] = r.random() < (0.5 if high.get(device) else 0.01)
        value = r.gauss(50, 5) + (r.choice([60, 90]) if high[device] else 0)
        yield now, "measure", {"device": device, "value": round(value, 2)}


def profiles(r, clock):
    """Users with a favourite category each, who look at items one after the other; some stay away after some days."""
    items = {"light": ["lamp", "bulb", "candle"], "seat": ["chair", "sofa", "stool"], "desk": ["desk", "shelf", "drawer"]}
    while True:
        number = r.randrange(25)
        favourites = sorted(items)[number % 3 :] + sorted(items)[: number % 3]
        if number % 5 == 0 and clock(0) > START + (2 + number) * 86_400_000:
            continue
        clock(r.uniform(30, 600))
        for _ in range(r.randint(1, 4)):
            category = favourites[0] if r.random() < 0.7 else r.choice(favourites)
            yield clock(r.uniform(5, 90)), "item_view", {
                "user": f"user-{number}",
                "item": r.choice(items[category]),
                "category": category,
                "seconds": round(r.uniform(2, 120), 1),
            }


def taxi(r, clock):
    """Rides in ten areas by three companies; one asks for more after six hours, a few rides lead out of town or never end."""
    open_rides = []
    for number in range(10**9):
        rush = 4 <= (clock(0) - START) / 3_600_000 < 5
        now = clock(r.expovariate(1 / (3 if rush else 12)))
        ride = {"trip_id": f"trip-{number}", "taxi": f"taxi-{r.randrange(60)}"}
        yield now, "trip_start", ride
        minutes = r.uniform(90, 150) if r.random() < 0.004 else r.lognormvariate(2.5, 0.6)
        if r.random() > 0.002:
            open_rides.append((now + int(minutes * 60_000), ride, minutes))
        open_rides.sort(key=lambda o: o[0])
        while open_rides and open_rides[0][0] <= now:
            at, done, took = open_rides.pop(0)
            miles = took * r.uniform(0.2, 0.6)
            fare = 3 + 2.5 * miles + (r.uniform(60, 200) if r.random() < 0.003 else 0)
            company = r.choice(["blue", "green", "yellow"])
            if company == "green" and clock(0) > START + 6 * 3_600_000:
                fare *= 2.6
            yield at, "trip_end", done
            yield at, "trip", {
                **done,
                "company": company,
                "area": min(r.randrange(10), r.randrange(10)),
                "fare": round(fare, 2),
                "miles": round(miles, 2),
                "took": round(took * 60),
                **({"tip": round(fare * 0.1, 2)} if r.random() < 0.6 else {}),
            }


def sessions(r, clock):
    """People who come, look, play, pay, and leave with or without checking out."""
    inside = set()
    while True:
        uid = f"uid-{r.randrange(40)}"
        now = clock(r.uniform(1, 8))
        if uid not in inside:
            inside.add(uid)
            yield now, "uid_event", {"uid": uid, "type": "CIN"}
        elif r.random() < 0.01:
            inside.discard(uid)
            if r.random() < 0.7:
                yield now, "uid_event", {"uid": uid, "type": "COUT"}
        else:
            kind = r.choice(["VIEW", "PLAY", "PLAY", "PAY"])
            value = {"value": round(r.uniform(1, 50), 2)} if kind == "PAY" else {}
            yield now, "uid_event", {"uid": uid, "type": kind, **value}


PACKS = {f.__name__: f for f in (behaviour, logs, windows, profiles, taxi, sessions)}
LATE = 2_000  # milliseconds of disorder; the rules wait for 5 seconds at least


def main():
    parser = argparse.ArgumentParser(description="Sample events for the rule packs, as NDJSON.")
    parser.add_argument("pack", choices=sorted(PACKS))
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    r = random.Random(f"{options.pack} {options.seed}")
    now = START

    def clock(seconds):
        nonlocal now
        now += round(seconds * 1000)
        return now

    events = []
    for event in PACKS[options.pack](r, clock):
        events.append(event)
        if len(events) == options.events:
            break
    events.sort(key=lambda e: e[0] + r.randrange(LATE))
    try:
        for time, name, fields in events:
            print(json.dumps({"event": name, "ts": time, **fields}))
    except BrokenPipeError:  # `| head`
        sys.stderr.close()


if __name__ == "__main__":
    main()
