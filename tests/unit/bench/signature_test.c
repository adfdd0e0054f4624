/* Signatures against the example of the Standard Webhooks libraries, whose secret, id, timestamp
 * and payload are published with the signature that they must give. */
#include "bench/load/signature.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct signature_key key;
static struct signature_message message;
static const char right_text[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
static const struct slice right = {right_text, sizeof right_text - 1};

static void start(void)
{
    cr_assert(
        eq(int, signature_key_parse(SLICE("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), &key), 0));
    message = (struct signature_message){SLICE("msg_p5jXN8AQM9LWM0D4loKWxJek"), SLICE("1614265330"),
                                         SLICE("{\"test\": 2432232314}")};
}

TestSuite(signature, .init = start);

Test(signature, is_what_the_specification_says)
{
    char text[SIGNATURE_TEXT_SIZE];
    signature_print(&key, &message, text);
    cr_assert(slice_equal(slice_str(text), right));
    cr_assert(signature_matches(&key, &message, right));
}

Test(signature, is_found_among_several)
{
    cr_assert(signature_matches(
        &key, &message,
        SLICE("v1,AAAA v1a,BBBB v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,CCCC")));
}

Test(signature, covers_id_timestamp_and_body)
{
    struct signature_message changed = message;
    changed.id = SLICE("msg_p5jXN8AQM9LWM0D4loKWxJel");
    cr_assert(not(signature_matches(&key, &changed, right)));
    changed = message;
    changed.timestamp = SLICE("1614265331");
    cr_assert(not(signature_matches(&key, &changed, right)));
    changed = message;
    changed.body = SLICE("{\"test\": 2432232315}");
    cr_assert(not(signature_matches(&key, &changed, right)));
}

Test(signature, is_not_matched_by_a_part_of_it)
{
    cr_assert(not(signature_matches(&key, &message, SLICE(""))));
    cr_assert(not(signature_matches(&key, &message, SLICE("v1,"))));
    cr_assert(not(signature_matches(&key, &message, slice_of(right.at, right.size - 1))));
    cr_assert(not(signature_matches(&key, &message, slice_skip(right, 3))));
}

Test(signature, takes_no_secret_that_is_not_one)
{
    static const struct slice bad[] = {{"", 0},
                                       {"whsec_", 6},
                                       {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 32},
                                       {"whsec_MfKQ9r8G", 14},
                                       {"whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", 38}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(lt(int, signature_key_parse(bad[i], &key), 0));
}
