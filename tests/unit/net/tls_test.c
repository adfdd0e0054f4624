/* Two TLS sessions talking to each other through memory: no socket, no loop, no time. */
#include "net/tls.h"

#include "tests/support/certificate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, MUCH = 300000 };

static struct authority authority;
static struct certificate certificate;
static struct tls_context *server_context, *client_context;
static struct tls *server, *client;
static size_t step; /* the most bytes fed at a time */

static void open_contexts(void)
{
    char why[TLS_WHY_SIZE] = "";
    authority_open(&authority);
    authority_sign(&authority, &certificate, "DNS:a.test,DNS:*.wild.test,IP:127.0.0.1", DAY_S);
    cr_assert(eq(int, tls_server_open(&server_context, certificate.chain, certificate.key, why), 0),
              "%s", why);
    cr_assert(eq(int, tls_client_open(&client_context, authority.roots, why), 0), "%s", why);
    step = 1 << 20;
}

static void close_sessions(void)
{
    tls_close(client);
    tls_close(server);
    client = server = NULL;
}

static void close_contexts(void)
{
    close_sessions();
    tls_context_close(client_context);
    tls_context_close(server_context);
    authority_close(&authority);
}

TestSuite(tls, .init = open_contexts, .fini = close_contexts);

/* Moves what `from` has to say to `to`. False if that was nothing. */
static bool carry(struct tls *from, struct tls *to)
{
    struct slice output = tls_output(from);
    if (output.size == 0)
        return false;
    size_t size = output.size < step ? output.size : step;
    tls_feed(to, output.at, size);
    tls_output_sent(from, size);
    return true;
}

static void talk(void)
{
    bool moved = true;
    while (moved) {
        moved = carry(client, server);
        moved = carry(server, client) || moved;
    }
}

static void open_sessions(const char *host, bool is_ip, bool verify)
{
    cr_assert(eq(int, tls_open_server(&server, server_context), 0));
    cr_assert(eq(int, tls_open_client(&client, client_context, slice_str(host), is_ip, verify), 0));
    tls_feed(client, NULL, 0);
    talk();
}

static void assert_open(void)
{
    cr_assert(eq(int, (int)tls_state(client), TLS_OPEN), "%s", tls_why(client));
    cr_assert(eq(int, (int)tls_state(server), TLS_OPEN), "%s", tls_why(server));
}

static void assert_refused(const char *reason)
{
    cr_assert(eq(int, (int)tls_state(client), TLS_FAILED));
    cr_assert(strstr(tls_why(client), reason) != NULL, "%s", tls_why(client));
}

/* Writes `size` known bytes at `from` and reads them at `to`. */
static void exchange(struct tls *from, struct tls *to, size_t size)
{
    static char sent[MUCH], got[MUCH];
    for (size_t i = 0; i < size; i++)
        sent[i] = (char)(i * 7 + i / 251);
    cr_assert(eq(int, tls_write(from, sent, size), 0));

    size_t total = 0;
    do {
        long count;
        while ((count = tls_read(to, got + total, sizeof got - total)) > 0)
            total += (size_t)count;
        cr_assert(eq(int, (int)count, 0), "%s", tls_why(to));
    } while (carry(from, to) || carry(to, from));
    cr_assert(eq(sz, total, size));
    cr_assert(memcmp(sent, got, size) == 0);
}

Test(tls, carries_bytes_both_ways)
{
    open_sessions("a.test", false, true);
    assert_open();
    exchange(client, server, 11);
    exchange(server, client, MUCH);
    exchange(client, server, MUCH);
}

Test(tls, works_fed_one_byte_at_a_time)
{
    step = 1;
    open_sessions("a.test", false, true);
    assert_open();
    exchange(client, server, 20000);
    exchange(server, client, 20000);
}

Test(tls, verifies_addresses_wildcards_and_absolute_names)
{
    open_sessions("127.0.0.1", true, true);
    assert_open();
    close_sessions();
    open_sessions("x.wild.test", false, true);
    assert_open();
    close_sessions();
    open_sessions("a.test.", false, true);
    assert_open();
}

Test(tls, refuses_a_certificate_for_another_host)
{
    open_sessions("b.test", false, true);
    assert_refused("host name does not match");
    cr_assert(eq(int, (int)tls_state(server), TLS_FAILED), "it was told by an alert");
    cr_assert(strstr(tls_why(server), "handshake failed") != NULL, "%s", tls_why(server));
}

Test(tls, refuses_a_certificate_for_another_address)
{
    open_sessions("127.0.0.2", true, true);
    assert_refused("IP address does not match");
}

Test(tls, ignores_the_common_name)
{
    open_sessions("unused.invalid", false, true);
    assert_refused("host name does not match");
}

Test(tls, refuses_an_authority_it_does_not_know)
{
    char why[TLS_WHY_SIZE] = "";
    struct authority stranger;
    authority_open(&stranger);
    tls_context_close(client_context);
    cr_assert(eq(int, tls_client_open(&client_context, stranger.roots, why), 0), "%s", why);
    authority_close(&stranger);

    open_sessions("a.test", false, true);
    assert_refused("certificate refused");
}

Test(tls, refuses_an_expired_certificate)
{
    char why[TLS_WHY_SIZE] = "";
    struct certificate old;
    authority_sign(&authority, &old, "DNS:a.test", -60);
    tls_context_close(server_context);
    cr_assert(eq(int, tls_server_open(&server_context, old.chain, old.key, why), 0), "%s", why);

    open_sessions("a.test", false, true);
    assert_refused("certificate has expired");
}

Test(tls, accepts_anything_when_told_not_to_verify)
{
    open_sessions("b.test", false, false);
    assert_open();
    exchange(client, server, 100);
}

Test(tls, resumes_a_session_of_the_same_host)
{
    open_sessions("a.test", false, true);
    cr_assert(not(tls_resumed(client)));
    exchange(server, client, 1); /* the tickets come with it */
    close_sessions();

    open_sessions("a.test", false, true);
    assert_open();
    cr_assert(tls_resumed(client));
    exchange(client, server, 1000);
}

Test(tls, does_not_resume_for_another_host_or_with_other_care)
{
    open_sessions("x.wild.test", false, false);
    exchange(server, client, 1);
    close_sessions();

    open_sessions("y.wild.test", false, false);
    cr_assert(not(tls_resumed(client)));
    close_sessions();
    open_sessions("x.wild.test", false, true);
    assert_open();
    cr_assert(not(tls_resumed(client)), "that session was never verified");
}

Test(tls, says_when_the_peer_has_ended)
{
    char byte;
    open_sessions("a.test", false, true);
    exchange(client, server, 10);
    tls_end(client);
    talk();
    cr_assert(eq(int, (int)tls_read(server, &byte, 1), 0));
    cr_assert(eq(int, (int)tls_state(server), TLS_ENDED));
    cr_assert(eq(int, tls_write(server, "answer", 6), 0), "the other direction is still open");
}

Test(tls, delivers_what_came_before_the_end)
{
    char got[16];
    open_sessions("a.test", false, true);
    cr_assert(eq(int, tls_write(client, "last", 4), 0));
    tls_end(client);
    talk();
    cr_assert(eq(int, (int)tls_read(server, got, sizeof got), 4));
    cr_assert(eq(int, (int)tls_read(server, got, sizeof got), 0));
    cr_assert(eq(int, (int)tls_state(server), TLS_ENDED));
}

Test(tls, does_not_take_a_mere_stop_for_an_end)
{
    char got[16];
    open_sessions("a.test", false, true);
    cr_assert(eq(int, tls_write(client, "cut off", 7), 0));
    struct slice output = tls_output(client);
    tls_feed(server, output.at, output.size - 1);
    cr_assert(eq(int, (int)tls_read(server, got, sizeof got), 0));
    cr_assert(eq(int, (int)tls_state(server), TLS_OPEN));
}

Test(tls, fails_on_a_record_that_was_changed)
{
    char copy[256], got[16];
    open_sessions("a.test", false, true);
    cr_assert(eq(int, tls_write(client, "exact", 5), 0));
    struct slice output = tls_output(client);
    cr_assert(output.size <= sizeof copy);
    memcpy(copy, output.at, output.size);
    copy[output.size - 1] ^= 1;
    tls_feed(server, copy, output.size);
    cr_assert(eq(int, (int)tls_read(server, got, sizeof got), -EPROTO));
    cr_assert(eq(int, (int)tls_state(server), TLS_FAILED));
    cr_assert(strstr(tls_why(server), "protocol error") != NULL, "%s", tls_why(server));
    cr_assert(eq(int, tls_write(server, "x", 1), -EPROTO));
}

Test(tls, names_what_is_not_tls_at_all)
{
    cr_assert(eq(int, tls_open_server(&server, server_context), 0));
    struct slice plain = SLICE("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    cr_assert(eq(int, (int)tls_feed(server, plain.at, plain.size), TLS_FAILED));
    cr_assert(strstr(tls_why(server), "http request") != NULL, "%s", tls_why(server));
}

/* The kernel may still be reading what tls_output() gave when more is written. */
Test(tls, does_not_move_output_that_is_being_sent)
{
    static char much[MUCH];
    open_sessions("a.test", false, true);
    cr_assert(eq(int, tls_write(client, "first", 5), 0));
    struct slice before = tls_output(client);
    cr_assert(eq(int, tls_write(client, much, sizeof much), 0));
    struct slice after = tls_output(client);
    cr_assert(eq(ptr, (void *)(size_t)before.at, (void *)(size_t)after.at));
    cr_assert(eq(sz, before.size, after.size));
}

Test(tls, keeps_a_context_for_the_sessions_that_need_it)
{
    open_sessions("a.test", false, true);
    tls_context_close(client_context);
    tls_context_close(server_context);
    client_context = server_context = NULL;
    exchange(server, client, 1000);
}

Test(tls, names_the_file_that_is_wrong)
{
    char why[TLS_WHY_SIZE] = "";
    struct tls_context *context;
    struct certificate another;
    authority_sign(&authority, &another, "DNS:b.test", DAY_S);

    cr_assert(eq(int, tls_server_open(&context, "/no/such.pem", certificate.key, why), -ENOENT));
    cr_assert(strstr(why, "/no/such.pem") != NULL, "%s", why);
    cr_assert(eq(int, tls_server_open(&context, certificate.key, certificate.key, why), -EINVAL));
    cr_assert(strstr(why, certificate.key) != NULL, "%s", why);
    cr_assert(eq(int, tls_server_open(&context, certificate.chain, another.key, why), -EINVAL));
    cr_assert(strstr(why, "not the key") != NULL, "%s", why);
    cr_assert(eq(int, tls_client_open(&context, certificate.key, why), -EINVAL));
    cr_assert(strstr(why, certificate.key) != NULL, "%s", why);
    cr_assert(eq(ptr, context, NULL));
}

/* ---- clients that trust something else ---- */

/* From now on the client does what `trust` says; the roots of before are its usual ones. */
static void use_trust(const struct trust *trust)
{
    char why[TLS_WHY_SIZE] = "";
    struct tls_context *usual = client_context;
    int error = tls_client_open_trusting(&client_context, usual, trust, why);
    cr_assert(eq(int, error, 0), "%s", why);
    tls_context_close(usual);
}

static void use_server(const char *chain, const char *key)
{
    char why[TLS_WHY_SIZE] = "";
    tls_context_close(server_context);
    cr_assert(eq(int, tls_server_open(&server_context, chain, key, why), 0), "%s", why);
}

static void append(const char *to, const char *from)
{
    char *text = certificate_text(from);
    FILE *file = fopen(to, "a");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    free(text);
}

Test(tls, trusts_roots_of_its_own_in_place_of_the_usual)
{
    struct authority stranger;
    authority_open(&stranger);
    char *theirs = certificate_text(stranger.roots), *ours = certificate_text(authority.roots);
    use_trust(&(struct trust){.roots = theirs});
    open_sessions("a.test", false, true);
    assert_refused("certificate refused");
    close_sessions();

    use_trust(&(struct trust){.roots = ours});
    open_sessions("a.test", false, true);
    assert_open();
    close_sessions();
    open_sessions("b.test", false, true);
    assert_refused("host name does not match");
    authority_close(&stranger);
    free(theirs);
    free(ours);
}

Test(tls, trusts_a_certificate_that_is_given_as_a_root_itself)
{
    char *leaf = certificate_text(certificate.chain);
    char *rest = strstr(leaf + 1, "-----BEGIN");
    cr_assert(rest != NULL);
    *rest = '\0';
    use_trust(&(struct trust){.roots = leaf});
    open_sessions("a.test", false, true);
    assert_open();
    close_sessions();
    open_sessions("b.test", false, true);
    assert_refused("host name does not match");
    free(leaf);
}

Test(tls, accepts_a_pinned_key_of_the_receiver_or_its_authority)
{
    struct trust_pin pins[2] = {{"some other key"}};
    use_trust(&(struct trust){.pins = pins, .pin_count = 1});
    open_sessions("a.test", false, true);
    assert_refused("not one of those that are pinned");
    close_sessions();

    certificate_pin(certificate.chain, pins[1].bytes);
    use_trust(&(struct trust){.pins = pins, .pin_count = 2});
    open_sessions("a.test", false, true);
    assert_open();
    close_sessions();

    certificate_pin(authority.roots, pins[1].bytes);
    use_trust(&(struct trust){.pins = pins, .pin_count = 2});
    open_sessions("a.test", false, true);
    assert_open();
    close_sessions();
    open_sessions("b.test", false, true);
    assert_refused("host name does not match");
}

/* Whoever has any certificate that holds could send the pinned one along. */
Test(tls, does_not_take_a_pinned_certificate_that_is_merely_sent_along)
{
    struct trust_pin pin;
    struct authority pinned;
    authority_open(&pinned);
    certificate_pin(pinned.roots, pin.bytes);
    append(certificate.chain, pinned.roots);
    use_server(certificate.chain, certificate.key);
    use_trust(&(struct trust){.pins = &pin, .pin_count = 1});
    open_sessions("a.test", false, true);
    assert_refused("not one of those that are pinned");
    close_sessions();
    open_sessions("a.test", false, false);
    assert_refused("not one of those that are pinned");
    authority_close(&pinned);
}

Test(tls, holds_a_receiver_to_its_own_key_where_the_chain_is_not_verified)
{
    struct trust_pin pin;
    certificate_pin(authority.roots, pin.bytes);
    use_trust(&(struct trust){.pins = &pin, .pin_count = 1});
    open_sessions("b.test", false, false);
    assert_refused("not one of those that are pinned");
    close_sessions();

    certificate_pin(certificate.chain, pin.bytes);
    use_trust(&(struct trust){.pins = &pin, .pin_count = 1});
    open_sessions("b.test", false, false);
    assert_open();
    exchange(client, server, 100);
}

Test(tls, resumes_only_where_the_same_was_asked)
{
    struct trust_pin pin;
    char why[TLS_WHY_SIZE];
    struct tls_context *usual = client_context, *pinned;
    certificate_pin(certificate.chain, pin.bytes);
    const struct trust trust = {.pins = &pin, .pin_count = 1};
    open_sessions("a.test", false, true);
    exchange(server, client, 1);
    close_sessions();

    cr_assert(eq(int, tls_client_open_trusting(&pinned, usual, &trust, why), 0), "%s", why);
    client_context = pinned;
    open_sessions("a.test", false, true);
    assert_open();
    cr_assert(not(tls_resumed(client)), "that session's key was never looked at");
    exchange(server, client, 1);
    close_sessions();
    open_sessions("a.test", false, true);
    assert_open();
    cr_assert(tls_resumed(client));
    tls_context_close(usual);
}

Test(tls, outlives_the_context_whose_roots_it_shares)
{
    use_trust(&(struct trust){.version_min = TRUST_TLS_1_3});
    open_sessions("a.test", false, true);
    assert_open();
    exchange(client, server, 100);
}

Test(tls, says_whether_a_certificate_can_be_shown)
{
    char why[TLS_WHY_SIZE] = "";
    struct certificate another;
    authority_sign(&authority, &another, "DNS:b.test", DAY_S);
    char *chain = certificate_text(certificate.chain), *key = certificate_text(certificate.key);
    char *other_key = certificate_text(another.key);
    cr_assert(eq(int, tls_check_identity(chain, key, why), 0), "%s", why);
    cr_assert(eq(int, tls_check_identity(chain, other_key, why), -EINVAL));
    cr_assert(strstr(why, "not the key of the certificate") != NULL, "%s", why);
    cr_assert(eq(int, tls_check_identity(chain, chain, why), -EINVAL));
    cr_assert(strstr(why, "private key in PEM") != NULL, "%s", why);
    cr_assert(eq(int, tls_check_identity(key, key, why), -EINVAL));
    cr_assert(strstr(why, "certificates in PEM") != NULL, "%s", why);

    struct tls_context *context;
    const struct trust trust = {.certificate = chain, .key = other_key};
    int error = tls_client_open_trusting(&context, client_context, &trust, why);
    cr_assert(eq(int, error, -EINVAL));
    cr_assert(eq(ptr, context, NULL));
    free(chain);
    free(key);
    free(other_key);
}
