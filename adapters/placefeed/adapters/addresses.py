"""Where an outgoing connection may go: public addresses, and what the operator allows by name; nothing else.

A URL that somebody registered must not make the exchange read its own neighbours (server-side request forgery).
The check stands where the socket is opened, on the very address that is then connected to: a name that answers
differently the second time (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from placefeed.adapters.base import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

# Where clouds hand out credentials to whoever asks from inside. Not even an allow list opens these.
METADATA: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google, Oracle and most others
        "fe80::/10",
        "fd00:ec2::/32",  # AWS over IPv6
        "fd20:ce::/32",  # Google over IPv6
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server: a public address, but only its own machines reach it
        "192.0.0.192/32",  # Oracle
    )
)

# Not public either, though `is_global` of some Python releases says so.
ALSO_CLOSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carriers' shared space, RFC 6598
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
        "64:ff9b:1::/48",  # local-use NAT64, RFC 8215
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "3fff::/20",
    )
)

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")  # RFC 3056
COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291, 2.5.5.1
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as the system knows them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries inside (mapped, NAT64, 6to4, compatible), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in SIX_TO_FOUR and address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def closed_because(address: Address) -> str | None:
    """The rule that closes an address, or None when it is public: `metadata`, `loopback`, `multicast` or `private`."""
    inner = innermost(address)
    if any(
        candidate in network
        for candidate in (address, inner)
        for network in METADATA
        if network.version == candidate.version
    ):
        return "metadata-address"
    if inner.is_loopback:
        return "loopback-address"
    if inner.is_multicast:
        return "multicast-address"
    closed = (
        not inner.is_global
        or inner.is_reserved
        or any(inner in network for network in ALSO_CLOSED if network.version == inner.version)
    )
    if closed or (inner.version == 6 and inner not in GLOBAL_UNICAST):
        return "private-address"
    return None


@dataclass(frozen=True)
class Guard:
    """Says whether a host may be reached, and at which checked addresses.

    `allow` names hosts (exact, any case) or networks (CIDR) that may be reached though they are not public;
    `allow_loopback` opens this machine, for development only. Metadata addresses stay closed whatever is allowed.
    """

    allow: Iterable[str] = ()
    allow_loopback: bool = False
    resolver: Resolver = resolve
    hosts: frozenset[str] = field(init=False)
    networks: tuple[Network, ...] = field(init=False)

    def __post_init__(self) -> None:
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in self.allow:
            try:
                networks.append(ipaddress.ip_network(entry.strip(), strict=False))
            except ValueError:
                hosts.add(_plain(entry))
        object.__setattr__(self, "hosts", frozenset(hosts))
        object.__setattr__(self, "networks", tuple(networks))

    def check(self, host: str, port: int) -> list[str]:
        """Resolve a host and return its addresses, all of them checked.

        One closed address among ten is enough to refuse. Raises Refused (whose `rule` says why) or OSError (unknown host).
        The message leaves the addresses out: it may reach people who should not learn the operator's network.
        """
        addresses = [str(text) for text in self.resolver(host, port)]
        if not addresses:
            raise OSError(f"{host} has no address")
        for text in addresses:
            rule = self._refuses(host, ipaddress.ip_address(text.partition("%")[0]))
            if rule:
                raise Refused(_message(host, rule), rule=rule)
        return addresses

    def allows_host(self, host: str) -> bool:
        """Whether a host was allowed by its name or literal address, or stands on this machine with `allow_loopback`."""
        name = _plain(host)
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return name in self.hosts or (self.allow_loopback and name == "localhost")
        return self._opened(name, address)

    def _refuses(self, host: str, address: Address) -> str | None:
        rule = closed_because(address)
        if rule is None or rule == "metadata-address":
            return rule
        return None if self._opened(_plain(host), address) else rule

    def _opened(self, name: str, address: Address) -> bool:
        inner = innermost(address)
        if name in self.hosts or (self.allow_loopback and inner.is_loopback):
            return True
        return any(
            candidate in network
            for network in self.networks
            for candidate in (address, inner)
            if candidate.version == network.version
        )


def _plain(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()


def _message(host: str, rule: str) -> str:
    if rule == "metadata-address":
        return f"{host} leads to an address where cloud machines keep their credentials, which is never read (rule {rule}). Give the feed's own address."
    kind = {"loopback-address": "to the exchange's own machine", "multicast-address": "to a multicast address"}.get(
        rule, "to a private network"
    )
    return (
        f"{host} leads {kind}, so it is not read (rule {rule}). If that is meant, the operator can allow the host "
        "or its network by name in PLACEFEED_ALLOW_HOSTS."
    )
