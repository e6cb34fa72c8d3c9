"""The administrator of one tenant makes itself a key of another, lists that tenant's keys, and revokes them. With any key of the
scope `admin` all three worked, so one stolen key was the whole installation's. It must manage its own tenant's keys and not learn
of others; what may is a key with the scope `operator`, and that is given from a shell only."""

from contract_checks import assert_keys_stay_with_their_tenant


def test_keys_in_secrets(server, make_client):
    assert_keys_stay_with_their_tenant(server, make_client)
