#!/usr/bin/env python3
"""Settles random records a second time and compares with "summit settle".

usage: settle-oracle.py SUMMIT CASES [FIRST]

Written from docs/settlement.md, in another language and by other means than
package alliance: fractions, orders of arrival instead of coalitions. Terms,
contracts (two in a month, clones of one owner) and records of every kind are
drawn at random; every figure has to be the same to the unit.
"""

import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from fractions import Fraction

MILLION = 10**6
NAMES = ["everest", "glm", "hunyuan", "kimi", "pangu", "qwen", "spark", "step", "zhinao"]
# Buckets with a rate of their own, and whose rate they have without one.
LIKE = {"cache_read": "input", "cache_write": "input", "reasoning": "output", "audio": "input", "image": "input"}
DAYS = 31  # of December, in which all happens


# Arithmetic.


def decimal(units):
    return "%d.%06d" % divmod(units, MILLION)


def half_even(x):
    whole, rest = divmod(Fraction(x), 1)
    up = rest > Fraction(1, 2) or rest == Fraction(1, 2) and whole % 2 == 1
    return int(whole) + int(up)


def largest_remainder(total, names, weight, tie):
    """Hamilton's method; ties go to who is first by tie."""
    share = dict.fromkeys(names, 0)
    weights = sum(weight[n] for n in names)
    if total <= 0 or weights == 0:
        return share
    rest = {}
    for n in names:
        share[n], rest[n] = divmod(Fraction(total) * weight[n] / weights, 1)
        share[n] = int(share[n])
    missing = total - sum(share.values())
    for n in sorted(names, key=lambda n: (-rest[n], tie(n)))[:missing]:
        share[n] += 1
    return share


def owen(players, owner, worth):
    """What each adds on arrival: the mean over all orders in which the members
    of one owner arrive together."""
    groups = [[p for p in players if owner[p] == o] for o in sorted({owner[p] for p in players})]
    phi, orders = dict.fromkeys(players, Fraction(0)), 0
    for outer in itertools.permutations(groups):
        for inner in itertools.product(*[list(itertools.permutations(g)) for g in outer]):
            orders += 1
            there = frozenset()
            for p in itertools.chain(*inner):
                phi[p] += worth(there | {p}) - worth(there)
                there |= {p}
    return {p: x / orders for p, x in phi.items()}


def add(sums, name, x):
    sums[name] = sums.get(name, 0) + x


def some(sums):
    return {n: x for n, x in sums.items() if x}


# What is drawn: terms, contracts and records.


class World:
    def __init__(self, rng):
        self.names = sorted(rng.sample(NAMES, rng.randint(2, 7)))
        self.terms = {
            "vat_bp": rng.choice([0, 600, 1300, 10000, 333]),
            "fee_bp": rng.choice([0, 500, 777, 10000, 1]),
            "reserve_bp": rng.choice([0, 1000, 2500, 10000]),
            "recoup_bp": rng.choice([0, 5000, 10000, 3333]),
            "tie_break": rng.choice(["member_name", "request_hash"]),
        }
        self.ceiling = rng.choice([None, None, 0, 5000, MILLION])
        self.contracts = {}
        for m in self.names:
            cut = rng.randint(2, 28) if rng.random() < 0.3 else None  # the day from which another one holds
            owner = m if rng.random() < 0.7 else rng.choice(["one", "two"])
            spans = [(1, cut), (cut, DAYS + 1)] if cut else [(1, DAYS + 1)]
            self.contracts[m] = [draw_contract(rng, owner, *span) for span in spans]

    def contract(self, member, day):
        return next(k for k in self.contracts[member] if k["from"] <= day < k["until"])

    def tie(self, record):
        if self.terms["tie_break"] == "member_name":
            return lambda n: n
        return lambda n: hashlib.sha256((record + n).encode()).digest()

    def write(self, folder):
        os.makedirs(folder + "/contracts")
        with open(folder + "/terms.yaml", "w") as f:
            for name, value in self.terms.items():
                f.write("%s: %s\n" % (name, value))
            if self.ceiling is not None:
                f.write('reserve_ceiling: "%s"\n' % decimal(self.ceiling))
        for m in self.names:
            for k in self.contracts[m]:
                with open("%s/contracts/%s-%d.yaml" % (folder, m, k["from"]), "w") as f:
                    f.write(contract_text(m, k))


def draw_contract(rng, owner, first, until):
    def rate():
        return rng.choice([0, 1, 999999, rng.randint(0, 20 * MILLION), rng.randint(0, 300 * MILLION)])

    k = {"owner": owner, "from": first, "until": until, "model": rng.choice(["per_token", "per_token", "per_call", "subscription", "self_hosted", "free"])}
    k.update(input=rate(), output=rate(), **{b: rate() if rng.random() < 0.5 else None for b in LIKE})
    k.update(call=rng.choice([0, 4000, 1, rng.randint(0, 50000)]), fee=rng.choice([0, 300 * MILLION, rng.randint(1, 10**9)]))
    k.update(planned_calls=rng.choice([1, 7, MILLION, rng.randint(1, MILLION)]), cards=rng.randint(1, 9))
    k.update(card_hour=rng.choice([0, 6500000, rng.randint(0, 10**8)]), idle_cover_bp=rng.choice([0, 0, 0, 5, 100]))
    k.update(per_request_bp=rng.choice([0, 500, 3000, 10000, rng.randint(0, 10000)]), per_period=rng.choice([0, 10**8, rng.randint(0, 50000)]))
    k.update(players=rng.choice(["eligible", "used"]), standby_bp=rng.choice([0, 2500, 10000]), floor_phi=rng.choice([0, 0, 100000]))
    k.update(guarantee=rng.choice([0, 0, rng.randint(0, 10**7)]), recoup=rng.random() < 0.5)
    k.update(fault_cap=rng.choice([None, 0, rng.randint(0, 5000), 10**9]))
    return k


def contract_text(member, k):
    effective = []
    if k["from"] > 1:
        effective.append("from: 2026-12-%02d" % k["from"])
    if k["until"] <= DAYS:
        effective.append("to: 2026-12-%02d" % (k["until"] - 1))
    amounts = {"per_token": ["input", "output", *LIKE, "call"], "per_call": ["call"], "subscription": ["fee"], "self_hosted": ["card_hour"], "free": []}
    counts = {"subscription": ["planned_calls"], "self_hosted": ["cards", "idle_cover_bp"]}
    cost = ["model: " + k["model"]]
    cost += ['%s: "%s"' % (f, decimal(k[f])) for f in amounts[k["model"]] if k[f] is not None]
    cost += ["%s: %d" % (f, k[f]) for f in counts.get(k["model"], [])]
    lines = [
        "apiVersion: summit/v1",
        "kind: MemberContract",
        "member: " + member,
        "owner: " + k["owner"],
        "currency: CNY",
        "effective: {%s}" % ", ".join(effective),
        "cost: {%s}" % ", ".join(cost),
        'sacrifice: {per_request_bp: %d, per_period: "%s"}' % (k["per_request_bp"], decimal(k["per_period"])),
        "dividend: {players: %s, standby_bp: %d, floor_phi: %d}" % (k["players"], k["standby_bp"], k["floor_phi"]),
        'guarantee: {per_period: "%s", funded_by: reserve, recoup: %s}' % (decimal(k["guarantee"]), str(k["recoup"]).lower()),
    ]
    if k["fault_cap"] is not None:
        lines.append('liability: {refund_fault_cap: "%s"}' % decimal(k["fault_cap"]))
    return "\n".join(lines) + "\n"


def draw_request(rng, world, record):
    who = rng.sample(world.names, rng.randint(1, min(5, len(world.names))))
    record.update(mode=rng.choice(["route", "vote", "fuse", "cascade", "tokens"]), members=[])
    record["price"] = rng.choice([0, 1, 50000, rng.randint(0, 10**5), rng.randint(0, 10**7)])
    if rng.random() < 0.3:
        record["customer"] = "acme"
    for m in who:
        drawn = {b: rng.choice([0, rng.randint(0, 5000)]) for b in ["input", "output", "calls", *LIKE]}
        member = {"member": m, "used": rng.random() < 0.75, "buckets": {b: n for b, n in drawn.items() if n or rng.random() < 0.5}}
        member["card_ms"] = rng.choice([0, 2350, rng.randint(0, MILLION)])
        if rng.random() < 0.5:
            member["calls"] = rng.choice([0, 1, 3, rng.randint(0, 100)])
        record["members"].append(member)
    game = rng.choice(["v", "predicted", "ballots", "weights", "none"])
    if game == "v":
        sets = [s for k in range(1, len(who) + 1) for s in itertools.combinations(who, k)]
        record["v"] = {"+".join(rng.sample(s, len(s))): rng.randint(0, MILLION) for s in sets}
    elif game == "predicted":
        record["predicted"] = {m: rng.choice([rng.randint(0, MILLION), 500000]) for m in who}
    elif game == "ballots":
        order = rng.sample(who, rng.randint(1, len(who)))
        answers = {m: rng.choice("xxyz") for m in order if rng.random() < 0.9}
        record["ballots"] = {"order": order, "answer": answers, "winner": "x", "delay": rng.choice([0, 50000, 400000])}
    elif game == "weights":
        left, record["weights"] = MILLION, {}
        for m in who:
            record["weights"][m] = rng.randint(0, left)
            left -= record["weights"][m]
    return record


def draw_records(rng, world, seed):
    records, requests = [], []
    for i in range(rng.randint(1, 8)):
        kind = rng.choice(["request"] * 5 + ["refund"] * 2 + ["judge", "fx"])
        if kind == "refund" and not requests:
            kind = "request"
        record = {"id": "r%d-%d" % (seed, i), "at": "2026-12-%02dT%02d:00:00Z" % (rng.randint(1, DAYS), rng.randint(0, 23))}
        if kind == "request":
            requests.append(draw_request(rng, world, record))
        elif kind == "refund":
            of = rng.choice(requests)
            record.update(kind=kind, of=of["id"], part=rng.choice(["", "1", "1/3", "1/2", "0.25", "2/7", "1/10"]))
            used = [m["member"] for m in of["members"] if m["used"]]
            if used and rng.random() < 0.5:
                record["fault"] = rng.choice(used)
        elif kind == "judge":
            use = {"input": rng.randint(0, 9000), "output": rng.randint(0, 900)}
            record.update(kind=kind, of="x", member={"member": rng.choice(world.names), "used": True, "buckets": use, "card_ms": rng.randint(0, 10000)})
        else:
            record.update(kind=kind, currency="USD", amount=rng.randint(1, 10**8), rate=rng.choice(["7.1234", "7", "0.0001", "71234/10000", "6.99999"]))
        records.append(record)
    if rng.random() < 0.6:
        records.append({"kind": "close", "id": "c%d" % seed, "at": "2027-01-01", "period": "2026-12"})
    return records


# The second computation.


def day_of(record):
    return int(record["at"][8:10])


def cost_of(k, member):
    use, calls = member["buckets"], member.get("calls")
    if calls is None:
        calls = member["buckets"].get("calls") or 1
    if k["model"] == "per_call":
        return calls * k["call"]
    if k["model"] == "subscription":
        return half_even(Fraction(calls * k["fee"], k["planned_calls"]))
    if k["model"] == "self_hosted":
        return half_even(Fraction(member["card_ms"] * k["card_hour"], 3600 * 1000))
    if k["model"] == "free":
        return 0
    sum_ = use.get("input", 0) * k["input"] + use.get("output", 0) * k["output"]
    for bucket, other in LIKE.items():
        sum_ += use.get(bucket, 0) * (k[other] if k[bucket] is None else k[bucket])
    return half_even(Fraction(sum_, MILLION) + calls * k["call"])


def worth_of_ballots(ballots, coalition):
    order = [m for m in ballots["order"] if m in coalition]
    counts = {}
    for m in order:
        if m in ballots["answer"]:
            add(counts, ballots["answer"][m], 1)
    if not counts:
        return 0
    most = max(counts.values())
    first = next(a for a in (ballots["answer"].get(m) for m in order) if counts.get(a) == most)
    return max(MILLION - ballots["delay"] * max(len(order) - 1, 0), 0) if first == ballots["winner"] else 0


def contributions(record, names, owner):
    if "v" in record:
        table = {frozenset(s.split("+")): x for s, x in record["v"].items()}
        return owen(names, owner, lambda s: table.get(s, 0))
    if "predicted" in record:
        return owen(names, owner, lambda s: max([record["predicted"][n] for n in s], default=0))
    if "ballots" in record:
        return owen(names, owner, lambda s: worth_of_ballots(record["ballots"], s))
    return {n: Fraction(record.get("weights", {}).get(n, 0)) for n in names}


class Books:
    KEPT = ["deferred", "payable", "absorbed", "residue", "advanced"]

    def __init__(self, world, opening):
        self.world, self.done = world, {}
        self.reserve = opening["reserve"]
        for name in self.KEPT + ["caps_left", "card_ms"]:
            setattr(self, name, dict(opening.get(name, {})))

    def meter(self, k, member, cost):
        if k["model"] in ("subscription", "self_hosted"):
            add(self.absorbed, member["member"], cost)
            add(self.card_ms, member["member"], member["card_ms"])

    def request(self, r):
        world, terms, tie = self.world, self.world.terms, self.world.tie(r["id"])
        members = sorted(r["members"], key=lambda m: m["member"])
        names = [m["member"] for m in members]
        used = [m["member"] for m in members if m["used"]]
        k = {n: world.contract(n, day_of(r)) for n in names}
        tax = half_even(Fraction(r["price"] * terms["vat_bp"], 10000 + terms["vat_bp"]))
        fee = (r["price"] - tax) * terms["fee_bp"] // 10000
        pool = r["price"] - tax - fee
        costs = {m["member"]: cost_of(k[m["member"]], m) for m in members if m["used"]}
        for m in members:
            if m["used"]:
                self.meter(k[m["member"]], m, costs[m["member"]])
        phi = contributions(r, names, {n: k[n]["owner"] for n in names})
        borne, put_off, dividends, recouped, from_reserve, to_reserve = {}, {}, {}, {}, 0, 0
        if pool >= sum(costs.values()):
            surplus = pool - sum(costs.values())
            repaid = min(surplus * terms["recoup_bp"] // 10000, sum(self.deferred.values()))
            recouped = largest_remainder(repaid, sorted(self.deferred), self.deferred, tie)
            for n, x in recouped.items():
                self.deferred[n] -= x
            surplus -= repaid
            to_reserve = surplus * terms["reserve_bp"] // 10000
            if world.ceiling is not None:
                to_reserve = min(to_reserve, max(world.ceiling - self.reserve, 0))
            weight = {}
            for n in names:
                bp = 10000 if n in used else 0 if k[n]["players"] == "used" else k[n]["standby_bp"]
                weight[n] = phi[n] * bp if phi[n] > 0 and phi[n] >= k[n]["floor_phi"] else Fraction(0)
            dividends = largest_remainder(surplus - to_reserve, names, weight, tie)
            to_reserve = surplus - sum(dividends.values())
        else:
            short = sum(costs.values()) - pool
            borne = self.sacrifice(short, used, costs, k, tie)
            left = short - sum(borne.values())
            from_reserve = min(left, self.reserve)
            put_off = largest_remainder(left - from_reserve, used, {n: costs[n] - borne.get(n, 0) for n in used}, tie)
            for n, x in some(put_off).items():
                add(self.deferred, n, x)
        self.reserve += to_reserve - from_reserve
        recovered = {n: costs[n] - borne.get(n, 0) - put_off.get(n, 0) for n in used}
        earned = {n: recovered.get(n, 0) + dividends.get(n, 0) for n in names}
        for n, x in recouped.items():
            add(earned, n, x)
        for n, x in earned.items():
            add(self.payable, n, x)
        legs = {"customer:%s:wallet" % r.get("customer", "default"): r["price"], "tax:vat": -tax, "operator:fee": -fee, "reserve": from_reserve - to_reserve}
        legs.update({"member:%s:payable" % n: -x for n, x in earned.items()})
        memo = []
        for n in used:
            memo += [("deferred", n, -put_off.get(n, 0)), ("declared", n, costs[n]), ("recovered", n, -recovered[n]), ("sacrifice", n, -borne.get(n, 0))]
        for n, x in recouped.items():
            memo += [("deferred", n, x), ("recovered", n, -x)]
        memo = [leg for leg in memo if leg[2]]
        self.done[r["id"]] = {"legs": list(some(legs).items()), "memo": memo, "part": Fraction(0), "recovered": recovered}
        return {
            "tax": tax, "fee": fee, "pool": pool, "costs": costs, "sacrifice": some(borne), "from_reserve": from_reserve, "deferred": some(put_off),
            "recovered": recovered, "recouped": some(recouped), "to_reserve": to_reserve, "phi": {n: str(x) for n, x in phi.items()},
            "dividends": some(dividends), "postings": some(legs),
        }  # fmt: skip

    def sacrifice(self, short, used, costs, k, tie):
        """Water rises in all at once; who is full leaves."""
        borne = {}
        cap = {n: min(costs[n] * k[n]["per_request_bp"] // 10000, self.caps_left.get(n, k[n]["per_period"])) for n in used}
        thirsty, left = [n for n in used if costs[n]], short
        while thirsty and left > 0:
            share = largest_remainder(left, thirsty, costs, tie)
            full = [n for n in thirsty if share[n] >= cap[n]]
            borne.update({n: cap[n] for n in full} if full else share)
            if not full:
                break
            left -= sum(cap[n] for n in full)
            thirsty = [n for n in thirsty if n not in full]
        for n, x in some(borne).items():
            self.caps_left[n] = self.caps_left.get(n, k[n]["per_period"]) - x
        return borne

    def refund(self, r):
        """None = it can't be: more than the whole, or more than the reserve has."""
        of, tie = self.done[r["of"]], self.world.tie(r["of"])
        part = Fraction(r["part"] or 1)
        total = of["part"] + part
        if total > 1:
            return None

        def reversed_to(legs, share):
            out = [0] * len(legs)
            for sign in (1, -1):
                side = [i for i, leg in enumerate(legs) if leg[-1] * sign > 0]
                weight = {i: abs(legs[i][-1]) for i in side}
                whole = half_even(sum(weight.values()) * share)
                names = {i: legs[i][0] if len(legs[i]) == 2 else "cost:%s:%s" % legs[i][:2] for i in side}
                for i, x in largest_remainder(whole, side, weight, lambda i: (tie(names[i]), i)).items():
                    out[i] = -sign * x
            return out

        def now(legs):
            before, after = reversed_to(legs, of["part"]), reversed_to(legs, total)
            return [(leg[:-1], y - x) for leg, x, y in zip(legs, before, after)]

        legs = {}
        for (account,), x in now(of["legs"]):
            add(legs, account, x)
        if self.reserve < legs.get("reserve", 0):
            return None
        self.reserve -= legs.get("reserve", 0)
        if r.get("fault"):
            lost = {n: half_even(x * part) for n, x in sorted(of["recovered"].items()) if n != r["fault"]}
            cap = self.world.contract(r["fault"], day_of(r))["fault_cap"]
            due = sum(lost.values()) if cap is None else min(sum(lost.values()), cap)
            for n, x in largest_remainder(due, list(lost), lost, self.world.tie(r["id"])).items():
                add(legs, "member:%s:payable" % n, -x)
            add(legs, "member:%s:payable" % r["fault"], due)
        for account, x in legs.items():
            if account.startswith("member:"):
                add(self.payable, account.split(":")[1], -x)
        for (kind, name), x in now(of["memo"]):
            if kind == "deferred":  # a claim that was repaid since is none
                self.deferred[name] = max(self.deferred.get(name, 0) - x, 0)
        of["part"] = total
        return {"postings": some(legs)}

    def judge(self, r):
        member = r["member"]
        k = self.world.contract(member["member"], day_of(r))
        cost = cost_of(k, member)
        paid = min(cost, self.reserve)
        self.reserve -= paid
        self.meter(k, member, cost)
        add(self.payable, member["member"], paid)
        add(self.deferred, member["member"], cost - paid)
        return {"cost": cost, "from_reserve": paid, "deferred": cost - paid}

    def fx(self, r):
        return {"converted": half_even(Fraction(r["amount"]) * Fraction(r["rate"]))}

    def close(self, r):
        tie, uncovered, borne = self.world.tie(r["id"]), {}, {}
        for m in self.world.names:
            absorbed, card_ms = self.absorbed.get(m, 0), self.card_ms.get(m, 0)
            for k in self.world.contracts[m]:
                days, under = k["until"] - k["from"], 0
                if k["model"] == "subscription":
                    base = half_even(Fraction(k["fee"] * days, DAYS))
                    taken = min(absorbed, base)
                    absorbed, under = absorbed - taken, base - taken
                elif k["model"] == "self_hosted":
                    hours = days * 24 * 3600 * 1000 * k["cards"]
                    taken = min(card_ms, hours)
                    card_ms -= taken
                    under = base = half_even(Fraction((hours - taken) * k["card_hour"] * k["idle_cover_bp"], 3600 * 1000 * 10000))
                if under:
                    left = self.caps_left.get(m, k["per_period"])
                    x = min(under, base * k["per_request_bp"] // 10000, left)
                    add(uncovered, m, under)
                    add(borne, m, x)
                    if x:
                        self.caps_left[m] = left - x
        need = {m: uncovered[m] - borne[m] for m in uncovered}
        from_reserve = min(sum(need.values()), self.reserve)
        self.reserve -= from_reserve
        paid = largest_remainder(from_reserve, list(need), need, tie)
        put_off = {m: need[m] - paid[m] for m in need}
        for m in need:
            add(self.deferred, m, put_off[m])
            add(self.payable, m, paid[m])
        guaranteed, repaid = self.guarantees(tie)
        statements = {}
        for m in sorted(set(self.payable) | set(self.residue)):
            sum_ = self.payable.get(m, 0) + self.residue.get(m, 0)
            if sum_ >= 0:
                statements[m] = {"accrued": sum_, "fen": sum_ // 10000, "carried": sum_ % 10000}
                self.payable[m], self.residue[m] = 0, sum_ % 10000
        self.caps_left, self.absorbed, self.card_ms = {}, {}, {}
        return {
            "uncovered": uncovered, "sacrifice": some(borne), "from_reserve": from_reserve, "deferred": some(put_off),
            "guarantees": some(guaranteed), "repaid": repaid, "statements": statements,
        }  # fmt: skip

    def guarantees(self, tie):
        need, repaid = {}, {}
        last = {m: self.world.contracts[m][-1] for m in self.world.names}
        for m, k in last.items():
            over = self.payable.get(m, 0) - k["guarantee"]
            if k["guarantee"] and over < 0:
                need[m] = -over
            elif k["guarantee"] and min(over, self.advanced.get(m, 0)) > 0:
                repaid[m] = min(over, self.advanced[m])
                self.advanced[m] -= repaid[m]
                self.payable[m] -= repaid[m]
        self.reserve += sum(repaid.values())
        paid = min(sum(need.values()), self.reserve)
        self.reserve -= paid
        given = largest_remainder(paid, list(need), need, tie)
        for m, x in some(given).items():
            add(self.payable, m, x)
            if last[m]["recoup"]:
                add(self.advanced, m, x)
        return given, repaid


# The comparison.


def plain(field, value):
    """A field of a result, without what stands for nothing."""
    if field == "postings" and isinstance(value, list):
        sums = {}
        for leg in value:
            add(sums, leg["account"], leg["amount"])
        return some(sums)
    if field == "statements":
        return {m: s for m, s in value.items() if s["accrued"]}
    return value


def check(seed, summit):
    """Returns how one case differs; empty = not at all."""
    rng = random.Random(seed)
    world = World(rng)
    opening = {"reserve": rng.choice([0, 0, rng.randint(0, MILLION)])}
    for name, most, chance in [("deferred", 9000, 0.3), ("caps_left", 9000, 0.3), ("advanced", MILLION, 0.2), ("residue", 9999, 0.2)]:
        opening[name] = {m: rng.randint(0, most) for m in world.names if rng.random() < chance}
    books, records, want = Books(world, opening), [], []
    for record in draw_records(rng, world, seed):
        result = getattr(books, record.get("kind", "request"))(record)
        if result is not None:
            records.append(record)
            want.append(result)
    with tempfile.TemporaryDirectory() as folder:
        world.write(folder)
        command = [summit, "settle", "--events", "-", "--contracts", folder + "/contracts", "--terms", folder + "/terms.yaml", "-o", "json"]
        done = subprocess.run(command, input=json.dumps({"opening": opening, "requests": records}), capture_output=True, text=True)
    if done.returncode:
        return [done.stderr.strip()]
    got, differs = json.loads(done.stdout), []
    for record, expected, result in zip(records, want, got["requests"]):
        for field, value in expected.items():
            if plain(field, result[field]) != plain(field, value):
                differs.append("%s: %s: %s, want %s" % (record["id"], field, plain(field, result[field]), plain(field, value)))
    if got["closing"]["reserve"] != books.reserve:
        differs.append("closing: reserve: %d, want %d" % (got["closing"]["reserve"], books.reserve))
    for field in Books.KEPT:
        result, value = some(got["closing"].get(field, {})), some(getattr(books, field))
        if result != value:
            differs.append("closing: %s: %s, want %s" % (field, result, value))
    return differs


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    summit, cases, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    bad = 0
    for seed in range(first, first + cases):
        differs = check(seed, summit)
        bad += bool(differs)
        for text in differs:
            print("case %d: %s" % (seed, text))
    print("%d cases, %d differ" % (cases, bad))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
