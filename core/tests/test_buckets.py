from core.buckets import Bucket, Buckets


def test_a_bucket_fills_at_its_rate_up_to_its_size():
    bucket = Bucket(rate=2.0, size=10.0, tokens=0.0, filled_at=100.0)

    bucket.fill(101.5)
    assert bucket.tokens == 3.0

    bucket.fill(200.0)
    assert bucket.tokens == 10.0


def test_a_debt_fills_first():
    bucket = Bucket(rate=4.0, size=8.0, tokens=8.0, filled_at=0.0)

    bucket.take(20)

    assert bucket.tokens == -12.0
    assert bucket.seconds_until(1) == 3.25
    bucket.fill(3.25)
    assert bucket.tokens == 1.0
    assert bucket.seconds_until(1) == 0.0


def test_what_is_there_needs_no_waiting():
    assert Bucket(rate=1.0, size=5.0, tokens=5.0, filled_at=0.0).seconds_until(2) == 0.0


def test_clients_have_buckets_of_their_own_and_start_full():
    buckets = Buckets[str](rate=1.0, size=3.0, most=10)
    buckets.of("a", now=50.0).take(3)

    assert buckets.of("b", now=50.0).tokens == 3.0
    assert buckets.of("a", now=51.0).tokens == 1.0


def test_the_client_not_seen_for_longest_is_forgotten():
    buckets = Buckets[str](rate=1.0, size=1.0, most=2)
    for client in ("a", "b", "a", "c"):
        buckets.of(client, now=0.0).take(1)

    assert len(buckets) == 2
    assert buckets.of("c", now=0.0).tokens == 0.0
    assert buckets.of("a", now=0.0).tokens == -1.0
    assert buckets.of("b", now=0.0).tokens == 1.0
