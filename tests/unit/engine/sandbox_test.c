/* The sandbox as shards use it: requests in, history out, signatures judged, memory bounded. */
#include "sandbox.h"

#include "base/clock.h"
#include "base/json.h"
#include "signature.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct registry registry;
static struct sandbox *sandbox;

static void open_sandbox(void)
{
    cr_assert(eq(int, registry_open(&registry), 0));
    cr_assert(eq(int, sandbox_open(&sandbox, &registry), 0));
}

static void close_sandbox(void)
{
    sandbox_close(sandbox);
    registry_close(&registry);
}

TestSuite(sandbox, .init = open_sandbox, .fini = close_sandbox);

static struct mail_ask ask(const char *method, const char *path, const char *query,
                           const char *headers, struct slice body)
{
    struct mail_ask mail = {.method = slice_str(method),
                            .path = slice_str(path),
                            .query = slice_str(query),
                            .headers = slice_str(headers),
                            .body = body};
    sandbox_answer(sandbox, &mail);
    return mail;
}

static void expect(struct mail_ask mail, int status, const char *text)
{
    cr_assert(eq(int, mail.status, status));
    char *answer = strndup(mail.answer, mail.answer_size);
    cr_assert(strstr(answer, text) != NULL, "\"%s\" is not in %s", text, answer);
    free(answer);
    free(mail.answer);
}

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
static const struct slice body = {"{\"test\": 2432232314}", 20};

/* The headers of a delivery that is signed now, with `scheme`. */
static const char *sign(enum signature_scheme scheme, const char *secret)
{
    static char headers[1024];
    char seconds[24];
    struct signer_scratch scratch = {0};
    struct subscription sender = {.scheme = scheme, .secret_count = 1};
    struct signer signer;
    struct text text, timestamp;
    struct message message = {.id = SLICE("msg_1"), .body = body, .at_ms = clock_wall_ms()};

    sender.secrets[0].text = (char *)(uintptr_t)secret;
    signature_make_signers(&sender, &signer);
    text_init(&timestamp, seconds, sizeof seconds);
    text_u64(&timestamp, message.at_ms / 1000);
    message.timestamp = text_slice(&timestamp);
    message.scratch = &scratch;
    text_init(&text, headers, sizeof headers - 1);
    text_put(&text, SLICE("Webhook-Id: msg_1\nwebhook-timestamp: "));
    text_put(&text, message.timestamp);
    text_char(&text, '\n');
    signature_put(&sender, &signer, &message, &text);
    headers[text.size] = '\0';
    for (char *end = headers; (end = strstr(end, "\r\n")) != NULL;)
        *end = ' '; /* as shards forward them: with a LF at the end of each */
    signer_scratch_close(&scratch);
    return headers;
}

static void subscribe(const char *url, enum signature_scheme scheme, const char *secret)
{
    struct subscription *made = calloc(1, sizeof *made);
    char why[URL_WHY_SIZE];
    made->url_text = strdup(url);
    cr_assert(eq(int, url_parse(slice_str(made->url_text), &made->url, why), 0));
    memcpy(&made->id, &(size_t){registry.subscriptions.count + 1}, sizeof(size_t));
    made->scheme = scheme;
    made->secrets[0].text = strdup(secret);
    made->secret_count = 1;
    cr_assert(eq(int, registry_put_subscription(&registry, made), 0));
}

Test(sandbox, judges_by_the_subscription_that_points_here)
{
    const char *headers = sign(SIGNATURE_STANDARD, SECRET);
    expect(ask("POST", "/webhook/receive/a", "", headers, body), 200, "\"signature_valid\":null");
    subscribe("http://127.0.0.1:8480/webhook/receive/a?status=200", SIGNATURE_STANDARD, SECRET);
    expect(ask("POST", "/webhook/receive/a", "", headers, body), 200, "\"signature_valid\":true");
    expect(ask("POST", "/webhook/receive/a", "", headers, SLICE("other")), 200,
           "\"signature_valid\":false");
    expect(ask("POST", "/webhook/receive/b", "", headers, body), 200, "\"signature_valid\":null");
}

Test(sandbox, judges_by_the_scheme_of_the_subscription)
{
    static const char pair[] = "whsk_6Xb/dCcHpPea21PS1N9VY/"
                               "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg"
                               "==";
    static const enum signature_scheme schemes[] = {SIGNATURE_ED25519, SIGNATURE_TIMESTAMPED,
                                                    SIGNATURE_STRIPE, SIGNATURE_GITHUB,
                                                    SIGNATURE_HEX};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        char url[64], *path = url + strlen("http://a.example");
        const char *secret = schemes[i] == SIGNATURE_ED25519 ? pair : SECRET;
        snprintf(url, sizeof url, "http://a.example/webhook/receive/%zu", i);
        subscribe(url, schemes[i], secret);
        expect(ask("POST", path, "", sign(schemes[i], secret), body), 200,
               "\"signature_valid\":true");
        expect(ask("POST", path, "", sign(SIGNATURE_STANDARD, SECRET), body), 200,
               "\"signature_valid\":false");
    }
    subscribe("http://a.example/webhook/receive/none", SIGNATURE_NONE, SECRET);
    expect(ask("POST", "/webhook/receive/none", "", sign(SIGNATURE_STANDARD, SECRET), body), 200,
           "\"signature_valid\":null");
}

Test(sandbox, takes_no_old_signature)
{
    subscribe("http://a.example/webhook/receive/a", SIGNATURE_STANDARD, SECRET);
    /* An example of Standard Webhooks' libraries, of 2021. */
    expect(ask("POST", "/webhook/receive/a", "",
               "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n"
               "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n",
               body),
           200, "\"signature_valid\":false");
}

Test(sandbox, shows_a_bin_newest_first)
{
    expect(ask("POST", "/webhook/receive", "", "A: 1\n", SLICE("first")), 200, "default");
    expect(ask("POST", "/webhook/receive", "", "A: 2\n", SLICE("se\"cond")), 200, "default");
    expect(ask("POST", "/webhook/receive/other", "", "", SLICE("third")), 200, "other");

    struct mail_ask history = ask("GET", "/webhook/history", "", "", SLICE(""));
    char *text = strndup(history.answer, history.answer_size);
    char *first = strstr(text, "\"body\":\"first\""),
         *second = strstr(text, "\"body\":\"se\\\"cond\"");
    cr_assert(first && second && second < first, "%s", text);
    cr_assert(strstr(text, "third") == NULL);
    cr_assert(strstr(text, "\"headers\":{\"A\":\"1\"}") != NULL);
    free(text);
    free(history.answer);

    history = ask("GET", "/webhook/history", "limit=1", "", SLICE(""));
    expect(history, 200, "se\\\"cond");
    expect(ask("GET", "/webhook/history/empty", "", "", SLICE("")), 200, "{\"data\":[]}");
}

Test(sandbox, shows_a_body_that_is_no_text_in_base64)
{
    expect(ask("POST", "/webhook/receive", "", "", slice_of("\xff\x00", 2)), 200, "default");
    expect(ask("GET", "/webhook/history", "", "", SLICE("")), 200,
           "\"body\":\"/wA=\",\"body_encoding\":\"base64\"");
}

Test(sandbox, answers_with_the_status_that_is_asked_for)
{
    expect(ask("POST", "/webhook/receive", "status=503", "", SLICE("")), 503, "default");
    expect(ask("POST", "/webhook/receive", "status=99", "", SLICE("")), 422, "status");
    expect(ask("GET", "/webhook/history", "limit=251", "", SLICE("")), 422, "limit");
}

Test(sandbox, refuses_other_paths_bins_and_methods)
{
    expect(ask("POST", "/webhook/send", "", "", SLICE("")), 404, "404");
    expect(ask("POST", "/webhook/received", "", "", SLICE("")), 404, "404");
    expect(ask("POST", "/webhook/receive/", "", "", SLICE("")), 404, "404");
    expect(ask("POST", "/webhook/receive/a/b", "", "", SLICE("")), 404, "404");
    expect(ask("POST", "/webhook/receive/a.b", "", "", SLICE("")), 404, "404");
    expect(ask("GET", "/webhook/receive", "", "", SLICE("")), 405, "405");
    expect(ask("POST", "/webhook/history", "", "", SLICE("")), 405, "405");
}

static size_t count_of(const char *path)
{
    size_t count = 0;
    struct mail_ask history = ask("GET", path, "limit=250", "", SLICE(""));
    char *text = strndup(history.answer, history.answer_size);
    for (char *at = text; (at = strstr(at, "\"received_at\"")) != NULL; at++)
        count++;
    free(text);
    free(history.answer);
    return count;
}

Test(sandbox, drops_the_oldest_when_there_are_too_many)
{
    expect(ask("POST", "/webhook/receive/old", "", "", SLICE("")), 200, "old");
    for (unsigned i = 0; i < SANDBOX_REQUESTS_MAX; i++)
        free(ask("POST", "/webhook/receive/new", "", "", SLICE("")).answer);
    cr_assert(eq(sz, count_of("/webhook/history/old"), 0));
    cr_assert(eq(sz, count_of("/webhook/history/new"), SANDBOX_LIMIT_MAX));
}

Test(sandbox, drops_the_oldest_when_they_are_too_large)
{
    static char large[64 * 1024];
    memset(large, 'x', sizeof large);
    for (unsigned i = 0; i < 2 * SANDBOX_BYTES_MAX / sizeof large; i++)
        free(ask("POST", "/webhook/receive/large", "", "", slice_of(large, sizeof large)).answer);
    size_t count = count_of("/webhook/history/large");
    cr_assert(lt(sz, count * sizeof large, (size_t)SANDBOX_BYTES_MAX));
    cr_assert(lt(sz, 200, count));
}
