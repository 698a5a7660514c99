// Owns the words in which a transport tells about itself: its two ends, and what TLS has agreed on. Must not know how that
// is found out.

/** What is known of a connection's transport, at the time of asking. */
export interface TransportDetails {
  /** Address of this end; null where the transport has none (unix sockets, streams of other kinds). */
  readonly localAddress: string | null
  /** Port of this end; null where there is none. */
  readonly localPort: number | null
  /** Address of the peer; null where there is none. Behind a proxy it is the proxy's. */
  readonly remoteAddress: string | null
  /** Port of the peer; null where there is none. */
  readonly remotePort: number | null
  /** Version of IP; null where there are no addresses. */
  readonly family: 'IPv4' | 'IPv6' | null
  /** Whether it goes over TLS: whether `tls` is not null. */
  readonly encrypted: boolean
  /** What TLS has agreed on; null without TLS. */
  readonly tls: TlsDetails | null
}

/** What a TLS handshake came to. */
export interface TlsDetails {
  /** 'TLSv1.3' or 'TLSv1.2'; older ones only where they were allowed. */
  readonly version: string
  /** Name of the cipher suite in IANA's list, as 'TLS_AES_256_GCM_SHA384'. */
  readonly cipher: string
  /** The protocol chosen by ALPN, as 'http/1.1'; null if the client offered none. Source: RFC 7301. */
  readonly alpn: string | null
  /** The name that the client asked for (SNI); null if it named none. Source: RFC 6066 §3. */
  readonly servername: string | null
  /** Whether an earlier session was resumed: no certificates were exchanged then, the earlier ones count. */
  readonly resumed: boolean
  /**
   * Whether the peer's certificate was verified. False on a server that asks for none (`requestCert`), and on either side if
   * `rejectUnauthorized: false` let a peer in that could not be verified. Node.js' own `socket.authorized` is true of clients that
   * resume a session of TLS 1.3 without ever having shown a certificate; this is not.
   */
  readonly authorized: boolean
  /** Why the peer's certificate was not accepted, as 'SELF_SIGNED_CERT_IN_CHAIN'; null if it was, or nobody asked for one. */
  readonly authorizationError: string | null
  /** The peer's certificate; null if it has shown none. It proves nothing unless `authorized` is true. */
  readonly peerCertificate: PeerCertificate | null
}

/** A certificate, as `getPeerCertificate` of `node:tls` tells it; here are the members that every runtime has. */
export interface PeerCertificate {
  /** The name, by its parts: `CN`, `O`, `OU`, ...; a part that occurs more than once is a list. */
  readonly subject: CertificateName
  /** Who has signed it. */
  readonly issuer: CertificateName
  /** The names that it is for, as 'DNS:example.com, IP Address:192.0.2.1'; undefined if it lists none. */
  readonly subjectaltname?: string | undefined
  /** Since when and until when it is valid, as 'Nov 21 06:51:30 2026 GMT'. */
  readonly valid_from: string
  readonly valid_to: string
  /** The serial number, in hex. */
  readonly serialNumber: string
  /** The SHA-256 of `raw`, as 'AA:BB:...'. */
  readonly fingerprint256: string
  /** The certificate in DER. */
  readonly raw: Uint8Array
}

/** The parts of a name in a certificate. */
export type CertificateName = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Kinds of channel binding: 'tls-exporter' (RFC 9266), and 'tls-unique' (RFC 5929), which only TLS below 1.3 has.
 */
export type ChannelIdType = 'tls-exporter' | 'tls-unique'

/** Something that can be asked about its transport. */
export interface TransportFacts {
  /** What is known of the transport now; null when it is gone. */
  transportDetails(): TransportDetails | null
  /**
   * A value that both ends of this TLS connection know, and nobody in between. Throws WebSocketError 'no-channel-id' where
   * there is none of that type, 'not-open' when the transport is gone.
   */
  channelId(type: ChannelIdType): Uint8Array
}
