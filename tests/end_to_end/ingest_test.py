#!/usr/bin/env python3
"""Every form in which an event may come, and that its bytes leave as they came."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.client import RawConnection
from support.engine import EVENTS

# What a parser and a printer would change, each a JSON text.
TEXTS = {
    "odd white space": b'{ "a" :\t1 ,\r\n  "b":[ 1 ,2 ]\n}',
    "big numbers": b'{"n":123456789012345678901234567890,"x":1.0000000000000000000001,"e":1E+400}',
    "duplicate keys": b'{"a":1,"a":2,"a":{"a":3}}',
    "escapes": rb'{"s":"\u00e9\ud83d\ude00\/\u0000\b"}',
    "raw unicode": '{"s":"é😀\u2028"}'.encode(),
    "key order": b'{"z":1,"a":2,"m":3}',
    "minus zero": b"-0",
    "zero fraction": b"1.0",
    "string": b'"text"',
    "empty string": b'""',
    "true": b"true",
    "null": b"null",
    "empty object": b"{}",
    "empty array": b"[]",
    "deep": b"[" * 100 + b"]" * 100,
    "looks like an envelope": b'{"type":"x","payload":{"payload":[1]},"id":"y"}',
    "brackets in strings": rb'{"a":"}]\"","b":"{[\\"}',
}


class Ingest(case.EngineCase):
    def delivered(self, event):
        return self.receiver.await_event(event)

    def accept(self, body, content_type="application/json", **headers):
        answer = self.engine.publish_raw(body, content_type, **headers)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.headers["content-type"], "application/json")
        return answer.json()

    def test_answers_with_id_and_deliveries(self):
        self.subscribe()
        got = self.engine.publish(self.kind, {"n": 1})
        self.assertRegex(got["id"], r"^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$")
        self.assertEqual(got["deliveries"], 1)
        self.assertIs(got["duplicate"], False)

    def test_payload_bytes_are_untouched(self):
        self.subscribe()
        for name, text in TEXTS.items():
            with self.subTest(name):
                body = b'{"type":"%s","payload":%s}' % (self.kind.encode(), text)
                self.assertEqual(self.delivered(self.accept(body)["id"]).body, text)

    def test_payload_may_stand_before_the_type(self):
        self.subscribe()
        for name, text in TEXTS.items():
            with self.subTest(name):
                body = b'{\n"payload" : %s , "type" : "%s" }\n' % (text, self.kind.encode())
                self.assertEqual(self.delivered(self.accept(body)["id"]).body, text)

    def test_content_type_may_have_parameters_and_any_case(self):
        self.subscribe()
        body = b'{"type":"%s","payload":1}' % self.kind.encode()
        for kind in ("application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"):
            self.accept(body, kind)

    def test_every_field_of_the_envelope_is_delivered(self):
        self.subscribe()
        event = self.publish([1], correlation_id="corr-1", version="2024-05", timestamp="2024-05-01T12:00:00Z")
        request = self.delivered(event)
        self.assertEqual(request.find("X-Correlation-Id"), "corr-1")
        self.assertEqual(request.find("X-Webhook-Version"), "2024-05")
        self.assertEqual(request.find("X-Webhook-Event"), self.kind)
        self.assertEqual(request.find("Content-Type"), "application/json")

    def test_escapes_in_the_envelope_are_read(self):
        self.subscribe(events=["escapes.read"])
        answer = self.accept(rb'{"\u0074ype":"escapes\u002eread","payload":1,"correlation_id":"a\u0062c"}')
        request = self.delivered(answer["id"])
        self.assertEqual(request.find("X-Webhook-Event"), "escapes.read")
        self.assertEqual(request.find("X-Correlation-Id"), "abc")

    def test_type_may_use_all_of_its_alphabet(self):
        self.subscribe(events=["A-Z.a_z/0:9"])
        self.delivered(self.engine.publish("A-Z.a_z/0:9", 1)["id"])
        self.assertEqual(self.engine.ingest.post(EVENTS, {"type": "x" * 128, "payload": 1}).status, 202)

    def test_array_is_a_batch(self):
        self.subscribe()
        texts = list(TEXTS.values())
        envelopes = [b'{"type":"%s","payload":%s}' % (self.kind.encode(), text) for text in texts]
        got = self.accept(b" [ " + b" ,\n".join(envelopes) + b" ] ")
        self.assertEqual((got["accepted"], got["duplicates"], len(got["events"])), (len(texts), 0, len(texts)))
        for text, event in zip(texts, got["events"]):
            self.assertEqual(event["deliveries"], 1)
            self.assertIs(event["duplicate"], False)
            self.assertEqual(self.delivered(event["id"]).body, text)

    def test_ndjson_is_a_batch(self):
        self.subscribe()
        texts = [text for text in TEXTS.values() if b"\n" not in text]
        lines = [b'{"type":"%s","payload":%s}' % (self.kind.encode(), text) for text in texts]
        for joined in (b"\n".join(lines), b"\r\n".join(lines) + b"\r\n"):
            got = self.accept(joined, "application/x-ndjson")
            self.assertEqual(got["accepted"], len(texts))
            for text, event in zip(texts, got["events"]):
                self.assertEqual(self.delivered(event["id"]).body, text)

    def test_batch_of_ten_thousand(self):
        events = [{"type": "nobody.listens", "payload": n} for n in range(10000)]
        got = self.accept(json.dumps(events).encode())
        self.assertEqual(got["accepted"], 10000)
        self.assertEqual(len({event["id"] for event in got["events"]}), 10000)

    def test_ids_are_unique_and_in_order(self):
        got = self.accept(json.dumps([{"type": "ids", "payload": n} for n in range(500)]).encode())
        ids = [event["id"] for event in got["events"]]
        self.assertEqual(ids, sorted(set(ids)))

    def test_one_byte_at_a_time(self):
        self.subscribe()
        body = b'{"type":"%s","payload":{"slow":[1,2,3]}}' % self.kind.encode()
        head = (f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.engine.key}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        with RawConnection(self.engine.ingest_address) as raw:
            for byte in head + body:
                raw.send(bytes([byte]))
            answer = raw.receive()
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(self.delivered(answer.json()["id"]).body, b'{"slow":[1,2,3]}')

    def test_chunks_of_any_size(self):
        self.subscribe()
        text = b'{"chunked":"' + b"x" * 5000 + b'"}'
        body = b'{"type":"%s","payload":%s}' % (self.kind.encode(), text)
        for size in (1, 7, 1000, len(body)):
            with self.subTest(size=size), RawConnection(self.engine.ingest_address) as raw:
                raw.send((f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.engine.key}\r\n"
                          "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
                parts = [body[at:at + size] for at in range(0, len(body), size)]
                raw.send(b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n")
                answer = raw.receive()
                self.assertEqual(answer.status, 202, answer)
                self.assertEqual(self.delivered(answer.json()["id"]).body, text)

    def test_event_of_nearly_one_mebibyte(self):
        self.subscribe()
        text = b'"' + b"m" * (1024 * 1024 - 200) + b'"'
        got = self.accept(b'{"type":"%s","payload":%s}' % (self.kind.encode(), text))
        self.assertEqual(self.delivered(got["id"]).body, text)

    def test_batch_with_events_larger_than_a_block(self):
        self.subscribe()
        texts = [b'"' + bytes([97 + n]) * 300_000 + b'"' for n in range(20)]
        body = b"[" + b",".join(b'{"type":"%s","payload":%s}' % (self.kind.encode(), t) for t in texts) + b"]"
        got = self.accept(body)
        for text, event in zip(texts, got["events"]):
            self.assertEqual(self.delivered(event["id"]).body, text)


class CloudEvents(case.EngineCase):
    def accept(self, body, content_type, **headers):
        answer = self.engine.publish_raw(body, content_type, **headers)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()

    def structured(self, member, **more):
        fields = {"specversion": "1.0", "id": self.kind, "source": "/tests", "type": self.kind, **more}
        text = json.dumps(fields)[:-1].encode()
        return text + (b"," + member if member else b"") + b"}"

    def test_structured_data_is_untouched(self):
        self.subscribe()
        for number, (name, text) in enumerate(TEXTS.items()):
            with self.subTest(name):
                body = self.structured(b'"data": ' + text, id=f"s{number}")
                got = self.accept(body, "application/cloudevents+json; charset=utf-8")
                self.assertEqual(self.receiver.await_event(got["id"]).body, text)

    def test_structured_data_base64_is_decoded(self):
        self.subscribe()
        body = self.structured(b'"data_base64":"AAEC//4="', datacontenttype="application/octet-stream")
        got = self.accept(body, "application/cloudevents+json")
        request = self.receiver.await_event(got["id"])
        self.assertEqual(request.body, bytes([0, 1, 2, 255, 254]))
        self.assertEqual(request.find("Content-Type"), "application/octet-stream")

    def test_batch(self):
        self.subscribe()
        bodies = [self.structured(b'"data":%d' % n, id=f"b{n}") for n in range(5)]
        got = self.accept(b"[" + b",".join(bodies) + b"]", "application/cloudevents-batch+json")
        self.assertEqual(got["accepted"], 5)
        for number, event in enumerate(got["events"]):
            self.assertEqual(self.receiver.await_event(event["id"]).body, b"%d" % number)

    def test_binary_takes_any_content_type(self):
        self.subscribe()
        fields = {"ce_specversion": "1.0", "ce_source": "/tests", "ce_type": self.kind}
        for number, kind in enumerate(("application/octet-stream", "text/plain; charset=utf-8", "image/png",
                                       "application/json", "application/xml")):
            with self.subTest(kind):
                body = b"\x00\xff not json \r\n" + bytes(range(256))
                got = self.accept(body, kind, ce_id=f"bin{number}", **fields)
                request = self.receiver.await_event(got["id"])
                self.assertEqual(request.body, body)
                self.assertEqual(request.find("Content-Type"), kind)

    def test_what_is_missing_is_refused(self):
        for missing in ("specversion", "id", "source", "type"):
            fields = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a"}
            del fields[missing]
            with self.subTest(missing):
                answer = self.engine.publish_raw(json.dumps(fields).encode(), "application/cloudevents+json")
                self.assertIn(answer.status, (400, 422), answer)
                headers = {f"ce_{name}": value for name, value in fields.items()}
                if missing != "specversion":  # without it this is no CloudEvent at all
                    self.assertIn(self.engine.publish_raw(b"x", "text/plain", **headers).status, (400, 422))

    def test_another_specversion_is_refused(self):
        body = json.dumps({"specversion": "0.3", "id": "1", "source": "/s", "type": "a"}).encode()
        self.assertIn(self.engine.publish_raw(body, "application/cloudevents+json").status, (400, 422))


if __name__ == "__main__":
    case.main()
