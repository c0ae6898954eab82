// Made from schema/1.0 by generate.py; do not edit. `python clients/typescript/generate.py` makes it anew.

/** A string of another kind than those listed: newer versions of the standard may add codes. */
export type Other = string & {};

/** A moment with its offset from UTC, as RFC 3339: 2026-11-21T18:04:00Z. */
export type Instant = string;

/** A day in Europe/London, year first: 2026-11-21. First and last days are included. */
export type Day = string;

/** An amount of money in whole pence: 512500 is £5,125.00. */
export type Pence = number;

/** A number of places. One place is room for one child. */
export type Count = number;

/** A number of places, at least one. */
export type AtLeastOne = number;

/** An age in completed years. */
export type Age = number;

/** An age range in completed years; both ends are included. */
export interface Ages {
  /** The youngest age, in completed years; 0 includes a child not yet born. */
  from: Age;
  /** The oldest age, in completed years. */
  to: Age;
}

/** Ofsted's unique reference number of a setting: SC and six digits, or seven digits. A string, never a number. */
export type Urn = string;

/** The six-digit reference of a school on Get Information about Schools. */
export type EducationUrn = string;

/** The nine-character GSS code of a local authority, such as E08000025; names and dates stand in the codelist local-authorities. */
export type Gss = string;

/** The nine-character code of a region of England, or of Wales, as in the codelist regions. */
export type Region = string;

/** A postcode up to the first figure of its second half, such as 'B1 1': never a whole postcode. */
export type PostcodeSector = string;

/** An identifier as org-id.guide lists them: GB-COH- and a company number, GB-CHC- and a charity number, GB-LAE- and a local authority's code. */
export type OrgId = string;

/** An identifier that the sender chose and keeps: letters, digits, blanks and . _ : @ + - ; it names an offer or a building, never a child. */
export type Id = string;

/** Who registers settings and numbers them, as a code of the codelist registration-schemes. */
export type RegistrationScheme = string;

/** Who numbers organisations: a prefix of org-id.guide such as GB-COH, gss, or placefeed for the exchange's own identifiers. */
export type OrganisationScheme = string;

/** The identifier as the scheme writes it, without blanks. */
export type SchemeId = string;

/** A setting's number in a register, and the register that gave it out. */
export interface Registration {
  /** Who registers the setting. */
  scheme: RegistrationScheme;
  /** The number as the register writes it. */
  id: SchemeId;
}

/** An organisation's identifier, and who gave it out. */
export interface Organisation {
  /** Who gave the identifier out. */
  scheme: OrganisationScheme;
  /** The identifier as the scheme writes it. */
  id: SchemeId;
}

/** A code of an open codelist: small letters, digits and hyphens. Use the listed codes where one fits. */
export type Code = string;

/** What happened: the thing, a dot, and what became of it, such as vacancy.published. */
export type EventType = string;

/** A name on one line. */
export type Name = string;

/** A few words on one line. */
export type ShortText = string;

/** A telephone number as people dial it. */
export type Telephone = string;

/** An e-mail address, of a team rather than of a person. */
export type Email = string;

/** A full web address, beginning with https:// or http://. */
export type WebAddress = string;

/** How many staff for how many children by day: 2 to 1 is staff 2, children 1. */
export interface StaffingRatio {
  /** Members of staff. */
  staff: number;
  /** Children whom they look after. */
  children: number;
}

/** How many weeks of the year a placement lasts, such as 38 for a school home; absent means all year. */
export type WeeksPerYear = number;

/** The open door: properties of your own, each under a web address that you control and that says what it means. Receivers keep or ignore them. Never data about a child. */
export type Extensions = Record<string, unknown>;

/** What kind of setting it is, in Ofsted's sense. */
export type ProvisionType = "children-home" | "supported-accommodation" | "independent-fostering-agency" | "residential-family-centre" | "residential-special-school" | "boarding-school" | "residential-special-school-childrens-home" | "further-education-college" | "voluntary-adoption-agency" | "adoption-support-agency" | "secure-childrens-home" | "residential-holiday-scheme" | "secure-training-centre";

/** Where the registration stands. */
export type RegistrationStatus = "active" | "suspended" | "resigned" | "cancelled" | "closed";

/** A gender that a place suits. */
export type Gender = "female" | "male" | "non-binary" | "any-gender";

/** A need for which a setting is registered, in Ofsted's seven kinds. */
export type CommonNeed = "emotional-and-behavioural-difficulties" | "mental-disorders" | "sensory-impairment" | "alcohol-problems" | "drug-problems" | "learning-difficulty" | "physical-disabilities";

/** A need of a child that a place can or can't meet: Ofsted's seven kinds, and narrower ones. */
export type SupportNeed = "emotional-and-behavioural-difficulties" | "mental-disorders" | "sensory-impairment" | "alcohol-problems" | "drug-problems" | "learning-difficulty" | "physical-disabilities" | "autism" | "adhd" | "attachment-and-trauma" | "learning-disability" | "speech-language-and-communication" | "foetal-alcohol-spectrum" | "complex-health" | "epilepsy" | "continence" | "asylum-seeking" | "pregnancy" | "young-parent" | "gender-identity";

/** A risk to the child or to others, in the words of the Placements Data Standard. */
export type Risk = "self-harm" | "sexual-exploitation" | "criminal-exploitation" | "drug-and-alcohol" | "eating-disorder" | "going-missing" | "other" | "physical-harm" | "sexual-harm" | "fire-setting" | "harm-to-animals" | "criminal-exploitation-of-others" | "other-to-others";

/** What kind of stay it is. */
export type PlacementType = "planned" | "emergency" | "short-break" | "respite" | "parent-and-child" | "remand" | "assessment" | "bridging" | "step-down";

/** How soon a place can be taken up, in the words of the Placements Data Standard. */
export type ResponseBand = "today" | "under-5-days" | "over-5-days";

/** With whom the child would live. */
export type CaredFor = "solo" | "with-others" | "with-older" | "with-younger" | "any";

/** A way of communicating that staff can use. */
export type Communication = "esol" | "bsl" | "makaton" | "pecs" | "braille" | "welsh" | "other";

/** An adaptation of the building. */
export type Adaptation = "step-free" | "wheelchair" | "accessible-bathroom" | "hoist" | "adjustable-bed" | "sensory-room" | "hearing-loop" | "other";

/** Why a registered place can't be offered. */
export type UnavailableReason = "staffing" | "repair" | "matching" | "notice" | "restriction" | "awaiting-registration" | "other";

/** Why no referrals are accepted now. */
export type NotAcceptingReason = "full" | "contractually-closed" | "staffing" | "matching" | "repair" | "restriction" | "closing" | "other";

/** What kind of care the price covers. */
export type Package = "standard" | "with-education" | "with-therapy" | "with-both";

/** For how long the price is. */
export type PricePeriod = "night" | "week" | "hour" | "once" | "year";

/** For what the price is. */
export type PriceUnit = "place" | "placement" | "sibling-group" | "block";

/** How value added tax applies to the price. */
export type Vat = "exempt" | "zero" | "reduced" | "standard" | "outside-scope" | "unknown";

/** Under what kind of contract the places are bought. */
export type ContractType = "spot" | "framework" | "block" | "cost-and-volume";

/** A kind of service that a setting brings. */
export type ServiceKind = "health" | "education" | "therapy" | "justice" | "family-support" | "leaving-care";

/** What a unit is: a building of a home, a premises of supported accommodation, a team of an agency, a group within a building. */
export type UnitKind = "building" | "premises" | "team" | "group";

/** The category of supported accommodation, as the 2023 regulations name them. */
export type UnitCategory = "single-occupancy" | "shared-ring-fenced" | "shared-not-ring-fenced" | "private-residence";

/** The inspection framework that gives a judgement its meaning. Judgements of two frameworks are never compared. */
export type Framework = "sccif-2017" | "ofsted-homes-2015" | "ofsted-interim" | "supported-accommodation-2024" | "ofsted-2014-numeric" | "ciw";

/** What kind of inspection or visit it was. Monitoring and assurance visits carry no grade. */
export type InspectionKind = "full" | "interim" | "monitoring" | "assurance" | "emergency" | "registration" | "other";

/** What was judged. */
export type Aspect = "overall" | "helped-and-protected" | "leaders-and-managers" | "education" | "health" | "outcomes" | "quality-of-care" | "well-being" | "care-and-support" | "environment";

/** The judgement, as a code of the codelist judgements for the framework, such as good. */
export type JudgementCode = string;

/** What kind of restriction or notice it is. */
export type RestrictionKind = "suspension" | "accommodation-restriction" | "condition" | "compliance-notice" | "notice" | "notice-to-cancel";

/** Who owns the provider, in Ofsted's words. */
export type Sector = "private" | "local-authority" | "voluntary" | "academy" | "health-authority";

/** Who answers: a role, never a person's name. */
export type Role = "referrals-team" | "duty-manager" | "registered-manager" | "head-office";

/** A part of a setting's record. */
export type Part = "setting" | "capacity" | "vacancy" | "rate" | "ofsted";

/** A night, by the day on which it begins. */
export type Weekday = "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";

/** The version of the standard that the document follows. */
export type Version = "1.0";

/** Always the word placefeed. */
export type StandardName = "placefeed";

/** One value, or a list of which one (or, where the parameter says so, every one) must fit. */
export type FilterValue = string | number | boolean | Array<string | number | boolean>;

/** Which listings are wanted, in the words of the list's own parameters; every one that is given must match. */
export interface Filter {
  /** In any of these local authorities: GSS code or name. An abolished one stands for its successors too. */
  la?: FilterValue;
  /** In any of these regions: code or name. */
  region?: FilterValue;
  /** A place, as latitude,longitude in degrees (WGS84, at most 5 decimals), to measure from: see withinMiles, and sort=distance. */
  near?: FilterValue;
  /** At most this many miles (1 to 300) from near, as the crow flies, to the middle of the home's postcode sector; no home that gives none. */
  withinMiles?: FilterValue;
  /** Any of these provision types. */
  provisionType?: FilterValue;
  /** Any of these settings, by URN. */
  urn?: FilterValue;
  /** Of any of these providers, by their id on this exchange. */
  provider?: FilterValue;
  /** The child's age in years: within the ages stated, or none are stated. */
  age?: FilterValue;
  /** Suits any of these genders, or none is stated. */
  gender?: FilterValue;
  /** Excludes none of these needs. With needsStated=true: accepts every one of them. */
  need?: FilterValue;
  /** true: a need that is not mentioned counts as not accepted. Default false. */
  needsStated?: FilterValue;
  /** Excludes none of these risks. With risksStated=true: accepts every one of them. */
  risk?: FilterValue;
  /** true: a risk that is not mentioned counts as not accepted. Default false. */
  risksStated?: FilterValue;
  /** Staff can use every one of these ways of communicating. */
  communication?: FilterValue;
  /** Has every one of these adaptations. */
  adaptation?: FilterValue;
  /** Offers any of these ways of living with other children. */
  caredFor?: FilterValue;
  /** Offered for any of these kinds of placement. */
  placementType?: FilterValue;
  /** A child can come within any of these times. */
  response?: FilterValue;
  /** Free on or before this day (YYYY-MM-DD). */
  availableBy?: FilterValue;
  /** At least this many places in one vacancy. */
  placesAtLeast?: FilterValue;
  /** Has any of these judgements: framework:code for the overall one, framework/aspect:code for another. Never compares frameworks. */
  judgement?: FilterValue;
  /** Has none of these judgements, written as for judgement. */
  notJudgement?: FilterValue;
  /** true: also list settings whose overall grade is hidden by default (totals.hidden counts them). Default false. */
  showHidden?: FilterValue;
  /** A rate offered to you comes to at most this many pence a week. */
  weeklyAtMostPence?: FilterValue;
  /** A rate offered to you has any of these contract types. */
  contractType?: FilterValue;
  /** A rate offered to you is for any of these packages. */
  package?: FilterValue;
  /** Follows any of these models of care. */
  modelOfCare?: FilterValue;
  /** Brings every one of these services. */
  service?: FilterValue;
  /** true: only homes that give short breaks only; false: none of them. */
  shortBreaksOnly?: FilterValue;
  /** How old the provider's word is: any of these. */
  freshness?: FilterValue;
  /** Known to be available, or to be confirmed by phone. */
  availability?: FilterValue;
  /** Every one of these words begins a word of the name, provider, local authority, URN or notes. */
  q?: FilterValue;
  /** true: only simulated listings; false: none of them. */
  simulated?: FilterValue;
}

/** A contract between a buyer (a member or a consortium) and a provider, with its first refusal. Provisional: it may change until the capability that uses it stands. */
export interface Agreement {
  /** The agreement's identifier; rates may name it. */
  id?: Id;
  /** What it is called. */
  title?: ShortText;
  /** The kind of contract. */
  type: ContractType;
  /** The member or consortium. */
  buyer: Organisation;
  /** The provider. */
  provider: Organisation;
  /** The framework under which it was made. */
  framework?: ShortText;
  /** The first day. */
  from: Day;
  /** The last day. */
  until?: Day;
  /** For a block on a rolling basis: for how many months at a time. */
  rollingMonths?: number;
  /** Days of notice. */
  noticeDays?: number;
  /** The URNs of the settings that it covers; absent means all of the provider's. */
  settings?: Array<Urn>;
  /** How many places it covers; absent means all. */
  places?: Count;
  /** The time in which only the buyer sees a new vacancy; then it is released to everyone. */
  firstRefusal?: {
    /** How many hours. */
    hours: number;
    /** Days that count; absent means all. */
    daysOfWeek?: Array<Weekday>;
  };
  /** The identifiers of the rates that it sets. */
  rates?: Array<Id>;
  /** Prices for more places. */
  tiers?: Array<{
    /** From how many places on. */
    fromPlaces: AtLeastOne;
    /** The price for each, for the same time as the price. */
    pence: Pence;
  }>;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** Counts of places at a setting, or at one of its units, at one moment. What is absent is unknown, never zero. */
export interface Capacity {
  /** When this count was true, by the provider's clock: an instant with its offset. The newest word wins; more than five minutes ahead of the receiver's clock is refused. */
  asOf: Instant;
  /** The unit that is counted; absent for the setting as a whole. */
  unit?: Id;
  /** How many places are registered. Agencies leave it out. */
  registered?: Count;
  /** How many places a child has now. */
  occupied?: Count;
  /** How many free places are promised to a child. The exchange's own holds are left out, unless countsExchangeHolds says otherwise. */
  reserved?: Count;
  /** Registered places that can't be offered, by reason. */
  unavailable?: Array<{
    /** Why they can't be offered. */
    reason: UnavailableReason;
    /** How many places. */
    places: AtLeastOne;
    /** The last day, as far as is known. */
    until?: Day;
  }>;
  /** How many places can be offered now. Where it is absent, it is worked out only if all the other counts are given. */
  available?: Count;
  /** Whether referrals are looked at now. */
  acceptingReferrals?: boolean;
  /** Why not: full is not the same as contractually closed. */
  notAcceptingReason?: NotAcceptingReason;
  /** Places that are likely to become free. A forecast only: it is never listed as a vacancy. */
  expected?: Array<{
    /** The first day on which they are likely to be free. */
    from: Day;
    /** The last day. */
    until?: Day;
    /** How many places. */
    places: AtLeastOne;
  }>;
  /** Whether reserved includes places held through the exchange. */
  countsExchangeHolds?: boolean;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** What push channels carry: that something changed, and where to read it. An event that its reader may no longer see is of the type withheld and has only its position, so that the numbers stay whole. */
export interface Event {
  /** The event's own identifier: the same event sent twice has the same. */
  id?: string;
  /** What happened above all, such as vacancy.published; withheld where the reader may no longer see it. */
  type: string;
  /** All that happened at once, the main one first: a vacancy may change in its price and in other things. */
  types?: Array<string>;
  /** When it happened. */
  timestamp?: Instant;
  /** Its position in the exchange's log. */
  position: number;
  /** Which life of the log the position belongs to: a backup that is put back begins a new one. */
  epoch?: number;
  /** In a subscription: the number of the notice that carries it. Numbers have no gaps. */
  number?: number;
  /** The listing after the event, as far as the reader may see it. */
  listing?: Listing;
  /** The listing concerned, where it is gone or not carried. */
  listingId?: string;
  /** The setting concerned. */
  urn?: string;
  /** JSON Pointers to what changed in the listing. */
  changed?: Array<string>;
  /** What else belongs to the type of event. */
  data?: Record<string, unknown>;
}

/** What a provider sends: who sends it and when, and for each setting any of the parts. As JSON it is one document; as NDJSON a header line, one line a setting, and a trailer line with the count. */
export interface Feed {
  /** Always the word placefeed. */
  standard: StandardName;
  /** The version of the standard that the feed follows. */
  version: Version;
  /** Who sends the feed: the provider, or a vendor on its behalf. */
  publisher: {
    /** Its identifier, such as GB-COH- and the company number. */
    id: OrgId;
    /** Its registered name. */
    name: Name;
  };
  /** When the feed was made. */
  publishedAt: Instant;
  /** How many seconds the feed holds until the next: when to poll again. */
  ttl?: number;
  /** Whether the feed names all your settings. If so, what it leaves out is withdrawn, in the parts that it sends. */
  complete?: boolean;
  /** True for invented data; it is marked so wherever it is shown. */
  simulated?: boolean;
  /** One record a setting. */
  settings: Array<SettingRecord>;
  /** What is withdrawn outright. */
  withdrawn?: Array<WithdrawnRecord>;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** What one feed says of one setting; each part has a clock of its own. */
export interface SettingRecord {
  /** Ofsted's URN of the setting. Give this or registration, not both. */
  urn?: Urn;
  /** For a setting that Ofsted does not register, such as one in Wales: the scheme and number that identify it. */
  registration?: Registration;
  /** Who the setting is. */
  setting?: Setting;
  /** The counts of a setting that has one unit. Give this or capacities, not both. */
  capacity?: Capacity;
  /** The counts of each unit. */
  capacities?: Array<(Capacity & Required<Pick<Capacity, "unit">>)>;
  /** What the setting offers. In a complete feed an empty list withdraws all; absent leaves all as it was. */
  vacancies?: Array<Vacancy>;
  /** The rates that the vacancies name. */
  rates?: Array<Rate>;
  /** Registration status and inspections as you know them. */
  ofsted?: Ofsted;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** One part, or one vacancy or rate, that no longer stands. */
export interface WithdrawnRecord {
  /** Ofsted's URN of the setting. Give this or registration, not both. */
  urn?: Urn;
  /** For a setting that Ofsted does not register, such as one in Wales: the scheme and number that identify it. */
  registration?: Registration;
  /** The part that is withdrawn. */
  part: Part;
  /** Which vacancy, rate or unit; absent for the part as a whole. */
  id?: Id;
}

/** The first line of an NDJSON feed. */
export interface HeaderLine {
  /** What the line is. */
  line: "header";
  standard: StandardName;
  version: Version;
  publisher: {
    /** Its identifier, such as GB-COH- and the company number. */
    id: OrgId;
    /** Its registered name. */
    name: Name;
  };
  publishedAt: Instant;
  ttl?: number;
  complete?: boolean;
  simulated?: boolean;
  extensions?: Extensions;
}

/** A line of an NDJSON feed that holds one setting. */
export interface SettingLine {
  /** What the line is. */
  line: "setting";
  urn?: Urn;
  registration?: Registration;
  setting?: Setting;
  capacity?: Capacity;
  capacities?: Array<(Capacity & Required<Pick<Capacity, "unit">>)>;
  vacancies?: Array<Vacancy>;
  rates?: Array<Rate>;
  ofsted?: Ofsted;
  extensions?: Extensions;
}

/** A line of an NDJSON feed that withdraws something. */
export interface WithdrawnLine {
  /** What the line is. */
  line: "withdrawn";
  urn?: Urn;
  registration?: Registration;
  part: Part;
  id?: Id;
}

/** The last line of an NDJSON feed. Without it, or with a wrong count, nothing is withdrawn. */
export interface TrailerLine {
  /** What the line is. */
  line: "trailer";
  /** How many setting and withdrawn lines came before. */
  count: number;
}

/** A member's claim on places of a listing, until it expires, is accepted, declined or released. Provisional: it may change until the capability that uses it stands. */
export interface Hold {
  /** The exchange's identifier. */
  id?: Id;
  /** The identifier of the listing. */
  listing: Id;
  /** How many places are claimed. */
  places: AtLeastOne;
  /** The need that it answers, if any. */
  need?: Id;
  /** For whom the hold is made, where a trust acts for an authority. */
  buyer?: Organisation;
  /** The rate at which it would be bought. */
  rate?: Id;
  /** Where the hold stands. */
  state?: "open" | "accepted" | "declined" | "released" | "expired" | "placed";
  /** When the hold was made. */
  madeAt?: Instant;
  /** When an open hold ends by itself. */
  expiresAt?: Instant;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** The consolidated vacancy list that a member receives, a page at a time. */
export interface List {
  /** Always the word placefeed. */
  standard: "placefeed" | Other;
  /** The version of the standard that the document follows. */
  version: string;
  /** When the list last changed. */
  lastUpdated: Instant;
  /** How many seconds to wait before asking again. */
  ttl: number;
  /** How far in the exchange's log the list goes. */
  position: number;
  /** Changes when a backup is put back: a reader with another epoch begins afresh. */
  epoch: number;
  /** One listing a vacancy. */
  items: Array<Listing>;
  /** Where the next page is; absent on the last. */
  next?: string;
  /** How many listings match, on all pages. */
  totals?: {
    /** Listings that are available. */
    available?: number;
    /** Listings to confirm by phone. */
    unknown?: number;
  };
}

/** One vacancy as a member receives it: what is offered, by whom, at what price as far as the reader may see, with the reconciled Ofsted status and the clocks. Readers ignore properties and codes that they don't know. */
export interface Listing {
  /** The exchange's own opaque identifier of the listing, new for each offer. */
  id: string;
  /** Ofsted's URN of the setting; for one that is registered elsewhere, the scheme, a colon and the number. */
  urn: string;
  /** Where the listing can be read alone. */
  url?: string;
  /** Whether the places are known to be available, or must be confirmed by phone. */
  availability: "available" | "unknown" | Other;
  /** Why it is unknown, such as stale or guarded. */
  availabilityReason?: string;
  /** How old what is known is. */
  freshness: "fresh" | "ageing" | "stale" | "unknown" | Other;
  /** Who offers the places. */
  setting: {
    /** The setting's name. */
    name?: string;
    /** What kind of setting it is. */
    provisionType: string;
    /** The organisation that owns the setting. */
    provider?: {
      /** Its identifier. */
      id?: string;
      /** Its name. */
      name: string;
      /** Who owns it. */
      sector?: string;
    };
    /** Where the setting stands. */
    localAuthority?: {
      /** Its code. */
      code: string;
      /** Its name. */
      name?: string;
    };
    /** The region in which it stands. */
    region?: {
      /** Its code. */
      code: string;
      /** Its name. */
      name?: string;
    };
    /** Whether it gives short breaks only. */
    shortBreaksOnly?: boolean;
    /** Named models of care. */
    modelsOfCare?: Array<string>;
    /** The services that the setting brings. */
    services?: Array<{
      /** What kind of service. */
      kind: string;
      /** In a few words. */
      title?: string;
      /** Whether the price includes it. */
      included?: boolean;
    }>;
    /** The needs for which it is registered. */
    registeredNeeds?: Array<string>;
    /** Whom to ask: a role, never a person's name. */
    referralContact?: {
      /** Who answers. */
      role?: string;
      /** The number to ring. */
      telephone?: string;
      /** Where to write. */
      email?: string;
      /** When somebody answers. */
      hours?: string;
      /** Whom to ring at other times. */
      outOfHours?: {
        /** The number to ring. */
        telephone?: string;
        /** When somebody answers there. */
        hours?: string;
      };
    };
  };
  /** The unit that has the places, without its identifier. */
  unit?: {
    /** What the unit is. */
    kind?: string;
    /** Where the unit stands. */
    localAuthority?: {
      /** Its code. */
      code: string;
      /** Its name. */
      name?: string;
    };
    /** The region in which it stands. */
    region?: {
      /** Its code. */
      code: string;
      /** Its name. */
      name?: string;
    };
    /** About where it stands. */
    postcodeSector?: string;
    /** The category of supported accommodation. */
    category?: string;
  };
  /** What is offered. */
  vacancy: {
    /** How many children could be placed. */
    places: number;
    /** The first day on which a child could move in. */
    from: Day;
    /** The last day of the offer. */
    until?: Day;
    /** An age range in completed years; both ends are included. */
    ages?: {
      /** The youngest age. */
      from?: number;
      /** The oldest age. */
      to?: number;
    };
    /** The genders that the place suits now. */
    genders?: Array<string>;
    /** Needs accepted or excluded; what is in neither list is not said. */
    needs?: {
      /** What the place can meet. */
      accepted?: Array<string>;
      /** What the place can't meet. */
      excluded?: Array<string>;
    };
    /** Risks accepted or excluded; what is in neither list is not said. */
    risks?: {
      /** What the place can meet. */
      accepted?: Array<string>;
      /** What the place can't meet. */
      excluded?: Array<string>;
    };
    /** Ways of communicating. */
    communication?: Array<string>;
    /** Adaptations of the building. */
    adaptations?: Array<string>;
    /** With whom the child would live. */
    cared?: string;
    /** Whether brothers and sisters can come together. */
    siblings?: {
      /** The largest group. */
      max?: number;
    };
    /** Whether the offer is for a parent with a child. */
    parentAndChild?: boolean;
    /** Whom an offer to a parent and child takes. */
    family?: {
      /** How many parents at most. */
      parents?: number;
      /** How many children at most. */
      children?: number;
      /** An age range in completed years; both ends are included. */
      parentAges?: {
        /** The youngest age. */
        from?: number;
        /** The oldest age. */
        to?: number;
      };
    };
    /** Kinds of stay. */
    placementTypes?: Array<string>;
    /** How soon the place can be taken up. */
    response?: string;
    /** For short breaks: which nights, and how many at a time. */
    nights?: {
      /** The nights, by the day on which each begins. */
      days?: Array<string>;
      /** The fewest nights at a time. */
      min?: number;
      /** The most nights at a time. */
      max?: number;
    };
    /** How many weeks a year the placement lasts. */
    weeksPerYear?: number;
    /** Staff to children by day. */
    staffingRatio?: {
      /** Members of staff. */
      staff?: number;
      /** Children whom they look after. */
      children?: number;
    };
    /** Identifiers of listings that draw on the same places: taking one takes from the others. */
    sharesPlacesWith?: Array<string>;
    /** The provider's note about the place. */
    notes?: string;
  };
  /** The rates that the reader may see, each with its weekly equivalent. */
  rates: Array<ListedRate>;
  /** What the register and the provider say, reconciled. */
  ofsted: {
    /** How the provider's word compares with the register's: confirmed, disputed, newer-than-register, not-on-register or unverified. */
    status: string;
    /** Where the registration stands. */
    registrationStatus?: string;
    /** The judgements that count, of the latest inspection that gave any. */
    judgements?: Array<Judgement>;
    /** What the provider declared, where it differs. */
    declared?: Array<Judgement>;
    /** Restrictions and notices in force. */
    restrictions?: Array<{
      /** What it is. */
      kind: string;
      /** The first day. */
      from?: Day;
      /** The last day. */
      until?: Day;
    }>;
    /** The as-at date of the register that was used. */
    registerAsAt?: Day;
    /** Earlier inspections; only where one listing is read alone. */
    history?: Array<{
      /** The framework. */
      framework?: string;
      /** The kind of inspection. */
      kind?: string;
      /** The first day. */
      inspectedOn?: Day;
      /** The day the report was published. */
      publishedOn?: Day;
      /** What was judged. */
      judgements?: Array<Judgement>;
    }>;
  };
  /** When what is known was true, and when that changes. */
  clocks: {
    /** When the offer was true, by the provider's clock. */
    asOf: Instant;
    /** When the provider last said that nothing had changed. */
    attestedAt?: Instant;
    /** When the exchange published this state. */
    publishedAt: Instant;
    /** Since when the availability is unknown. */
    unknownSince?: Instant;
    /** When the listing leaves the list, if nobody renews it. */
    leavesAt?: Instant;
  };
  /** Whose word it is. */
  provenance: {
    /** The name of the source. */
    source?: string;
    /** The name of the publisher. */
    publisher?: string;
    /** True for invented data. */
    simulated?: boolean;
    /** The exchanges through which it came, from the one where the provider is, with > between them. */
    via?: string;
  };
}

/** A rate as far as the reader may see it. */
export interface ListedRate {
  /** An identifier within the listing. */
  id?: string;
  /** What the provider calls it. */
  title?: string;
  /** When the rate was true. */
  asOf?: Instant;
  /** What kind of care it covers. */
  package?: string;
  /** Staff to children by day. */
  staffingRatio?: {
    /** Members of staff. */
    staff?: number;
    /** Children whom they look after. */
    children?: number;
  };
  /** How much, for how long, for what. */
  price: {
    /** The price in whole pence. */
    pence: number;
    /** For how long. */
    per: string;
    /** For what. */
    unit?: string;
  };
  /** The price of a week in whole pence, by the rule of the standard; absent for a price that is paid once. */
  weeklyEquivalentPence?: number;
  /** The price of a year in whole pence, by the rule of the standard. */
  annualEquivalentPence?: number;
  /** Hours charged a week. */
  hoursPerWeek?: number;
  /** Weeks charged a year. */
  weeksPerYear?: number;
  /** How value added tax applies. */
  vat?: string;
  /** What the price is made of. */
  lines?: Array<{
    /** What it is for. */
    code: string;
    /** The provider's words. */
    title?: string;
    /** The amount. */
    pence: number;
    /** Whether the price includes it. */
    included?: boolean;
  }>;
  /** Who is expected to pay which share. */
  funding?: {
    /** The share of social care. */
    carePence?: number;
    /** The share of health. */
    healthPence?: number;
    /** The share of education. */
    educationPence?: number;
  };
  /** What the price includes. */
  includes?: Array<string>;
  /** Prices for more places. */
  tiers?: Array<{
    /** From how many on. */
    fromPlaces?: number;
    /** The price for each. */
    pence?: number;
  }>;
  /** What else the contract says. */
  terms?: {
    /** While a child is away. */
    retainer?: string;
    /** For an empty place. */
    void?: string;
    /** Days of notice. */
    noticeDays?: number;
    /** How and when the price rises. */
    uplift?: string;
  };
  /** Under which contract. */
  contract?: {
    /** The kind of contract. */
    type?: string;
    /** The framework's name. */
    framework?: string;
  };
  /** The first day. */
  validFrom?: Day;
  /** The last day. */
  validUntil?: Day;
  /** The word any, where the rate is offered to any buyer and may be passed on; absent where it is for its reader alone. */
  offeredTo?: string;
}

/** One aspect and its judgement, tied to its framework. */
export interface Judgement {
  /** The framework that gives the code its meaning. */
  framework: string;
  /** What was judged. */
  aspect: string;
  /** How it was judged. */
  code: string;
  /** The kind of inspection. */
  kind?: string;
  /** The first day of the inspection. */
  inspectedOn?: Day;
  /** The day the report was published. */
  publishedOn?: Day;
  /** Whose word it is: the register's or the provider's. */
  origin?: "register" | "declared" | Other;
}

/** What a member looks for, with nothing that identifies a child: bands and kinds, never a date of birth, a name or an address. Provisional: it may change until the capability that uses it stands. */
export interface Need {
  /** The exchange's identifier. */
  id?: Id;
  /** When this need was true, by the provider's clock: an instant with its offset. The newest word wins; more than five minutes ahead of the receiver's clock is refused. */
  asOf: Instant;
  /** The member's own random reference, never a case number. */
  reference?: Id;
  /** Kinds of setting that would do. */
  provisionTypes?: Array<ProvisionType>;
  /** Where a place would do. */
  localAuthorities?: Array<Gss>;
  /** Regions where a place would do. */
  regions?: Array<Region>;
  /** A band of ages, at least two years wide. */
  ages?: Ages;
  /** The gender that the place must suit. */
  gender?: Gender;
  /** Needs to be met. */
  needs?: Array<SupportNeed>;
  /** Risks to be managed. */
  risks?: Array<Risk>;
  /** Ways of communicating that are needed. */
  communication?: Array<Communication>;
  /** Adaptations that are needed. */
  adaptations?: Array<Adaptation>;
  /** With whom the child would live. */
  cared?: CaredFor;
  /** How many children would come together. */
  siblings?: number;
  /** Whether a parent comes with a child. */
  parentAndChild?: boolean;
  /** Kinds of stay. */
  placementTypes?: Array<PlacementType>;
  /** How soon a place is needed. */
  response?: ResponseBand;
  /** How many places are looked for. */
  places: AtLeastOne;
  /** From when, if not at once. */
  from?: Day;
  /** Until when, if an end is known. */
  until?: Day;
  /** The highest weekly equivalent, in pence. */
  weeklyEquivalentPenceAtMost?: Pence;
  /** Where the search stands. */
  state?: "open" | "matched" | "closed" | "expired";
  /** When the need is deleted unless renewed. */
  expiresAt?: Instant;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** Registration status, inspections and restrictions, as the provider says them. Those of Ofsted's own files are kept apart and never mixed with these. */
export interface Ofsted {
  /** When this was true, by the provider's clock: an instant with its offset. The newest word wins; more than five minutes ahead of the receiver's clock is refused. */
  asOf: Instant;
  /** Where the registration stands. */
  registrationStatus?: RegistrationStatus;
  /** Inspections, newest first. A new setting that has had none sends an empty list. */
  inspections?: Array<{
    /** The inspectorate's number of the inspection. */
    id?: SchemeId;
    /** The framework under which it was made. */
    framework: Framework;
    /** What kind of inspection or visit it was. */
    kind: InspectionKind;
    /** The first day of the inspection. */
    inspectedOn: Day;
    /** The day on which the report was published. */
    publishedOn?: Day;
    /** What was judged and how. Monitoring and assurance visits have none. */
    judgements?: Array<{
      /** What was judged. */
      aspect: Aspect;
      /** How it was judged, as a code of the framework. */
      code: JudgementCode;
    }>;
  }>;
  /** Suspensions, restrictions of accommodation, conditions and notices. */
  restrictions?: Array<{
    /** What it is. */
    kind: RestrictionKind;
    /** The first day. */
    from: Day;
    /** The last day, if it has ended or an end is set. */
    until?: Day;
    /** A few words. No data about a child. */
    detail?: ShortText;
  }>;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** What has changed since a number, as a change feed tells it (RPDE 1.0): each thing once, at its latest. A reader applies the items in order and follows next; the last page has no items and is its own next. Readers ignore properties, kinds and codes that they don't know. */
export interface Page {
  /** The whole address of the next page; on the last page, its own. */
  next: string;
  /** What changed, by number. */
  items: Array<Item>;
  /** Address of the terms under which the data may be used. */
  license: string;
}

/** One thing as it stands now, or that it is gone, or no longer the reader's to see. */
export interface Item {
  /** Whether the thing stands, or the reader's copy is to be deleted. */
  state: "updated" | "deleted" | Other;
  /** What it is: vacancy, setting, or area (of the open feed). */
  kind: string;
  /** The listing's identifier, the setting's URN, or the area's code. */
  id: string;
  /** The number of this change: a later change has a higher one. Up to 63 bits. */
  modified: number;
  /** The thing itself. A vacancy is a listing without setting and ofsted, which its setting has, under the same URN. */
  data?: {
    /** Of a vacancy: the exchange's own opaque identifier of the listing. */
    id?: string;
    /** Of a vacancy and of a setting: what joins them. */
    urn?: string;
    /** Of a vacancy: where the listing can be read alone. */
    url?: string;
    /** Of a vacancy: whether the places are known to be available, or must be confirmed by phone. */
    availability?: "available" | "unknown" | Other;
    /** Of a vacancy: why it is unknown. */
    availabilityReason?: string;
    /** Of a vacancy: how old what is known is. */
    freshness?: "fresh" | "ageing" | "stale" | "unknown" | Other;
    /** Of a vacancy: the unit that has the places. */
    unit?: {
      /** What the unit is. */
      kind?: string;
      /** Where the unit stands. */
      localAuthority?: {
        /** Its code. */
        code: string;
        /** Its name. */
        name?: string;
      };
      /** The region in which it stands. */
      region?: {
        /** Its code. */
        code: string;
        /** Its name. */
        name?: string;
      };
      /** About where it stands. */
      postcodeSector?: string;
      /** The category of supported accommodation. */
      category?: string;
    };
    /** Of a vacancy: what is offered. */
    vacancy?: {
      /** How many children could be placed. */
      places: number;
      /** The first day on which a child could move in. */
      from: Day;
      /** The last day of the offer. */
      until?: Day;
      /** An age range in completed years; both ends are included. */
      ages?: {
        /** The youngest age. */
        from?: number;
        /** The oldest age. */
        to?: number;
      };
      /** The genders that the place suits now. */
      genders?: Array<string>;
      /** Needs accepted or excluded; what is in neither list is not said. */
      needs?: {
        /** What the place can meet. */
        accepted?: Array<string>;
        /** What the place can't meet. */
        excluded?: Array<string>;
      };
      /** Risks accepted or excluded; what is in neither list is not said. */
      risks?: {
        /** What the place can meet. */
        accepted?: Array<string>;
        /** What the place can't meet. */
        excluded?: Array<string>;
      };
      /** Ways of communicating. */
      communication?: Array<string>;
      /** Adaptations of the building. */
      adaptations?: Array<string>;
      /** With whom the child would live. */
      cared?: string;
      /** Whether brothers and sisters can come together. */
      siblings?: {
        /** The largest group. */
        max?: number;
      };
      /** Whether the offer is for a parent with a child. */
      parentAndChild?: boolean;
      /** Whom an offer to a parent and child takes. */
      family?: {
        /** How many parents at most. */
        parents?: number;
        /** How many children at most. */
        children?: number;
        /** An age range in completed years; both ends are included. */
        parentAges?: {
          /** The youngest age. */
          from?: number;
          /** The oldest age. */
          to?: number;
        };
      };
      /** Kinds of stay. */
      placementTypes?: Array<string>;
      /** How soon the place can be taken up. */
      response?: string;
      /** For short breaks: which nights, and how many at a time. */
      nights?: {
        /** The nights, by the day on which each begins. */
        days?: Array<string>;
        /** The fewest nights at a time. */
        min?: number;
        /** The most nights at a time. */
        max?: number;
      };
      /** How many weeks a year the placement lasts. */
      weeksPerYear?: number;
      /** Staff to children by day. */
      staffingRatio?: {
        /** Members of staff. */
        staff?: number;
        /** Children whom they look after. */
        children?: number;
      };
      /** Identifiers of listings that draw on the same places: taking one takes from the others. */
      sharesPlacesWith?: Array<string>;
      /** The provider's note about the place. */
      notes?: string;
    };
    /** Of a vacancy: the rates that the reader may see. */
    rates?: Array<ListedRate>;
    /** Of a vacancy: when what is known was true, and when that changes. */
    clocks?: {
      /** When the offer was true, by the provider's clock. */
      asOf: Instant;
      /** When the provider last said that nothing had changed. */
      attestedAt?: Instant;
      /** When the exchange published this state. */
      publishedAt: Instant;
      /** Since when the availability is unknown. */
      unknownSince?: Instant;
      /** When the listing leaves the list, if nobody renews it. */
      leavesAt?: Instant;
    };
    /** Of a vacancy: whose word it is. */
    provenance?: {
      /** The name of the source. */
      source?: string;
      /** The name of the publisher. */
      publisher?: string;
      /** True for invented data. */
      simulated?: boolean;
      /** The exchanges through which it came, from the one where the provider is, with > between them. */
      via?: string;
    };
    /** Of a setting: who offers the places. */
    setting?: {
      /** The setting's name. */
      name?: string;
      /** What kind of setting it is. */
      provisionType: string;
      /** The organisation that owns the setting. */
      provider?: {
        /** Its identifier. */
        id?: string;
        /** Its name. */
        name: string;
        /** Who owns it. */
        sector?: string;
      };
      /** Where the setting stands. */
      localAuthority?: {
        /** Its code. */
        code: string;
        /** Its name. */
        name?: string;
      };
      /** The region in which it stands. */
      region?: {
        /** Its code. */
        code: string;
        /** Its name. */
        name?: string;
      };
      /** Whether it gives short breaks only. */
      shortBreaksOnly?: boolean;
      /** Named models of care. */
      modelsOfCare?: Array<string>;
      /** The services that the setting brings. */
      services?: Array<{
        /** What kind of service. */
        kind: string;
        /** In a few words. */
        title?: string;
        /** Whether the price includes it. */
        included?: boolean;
      }>;
      /** The needs for which it is registered. */
      registeredNeeds?: Array<string>;
      /** Whom to ask: a role, never a person's name. */
      referralContact?: {
        /** Who answers. */
        role?: string;
        /** The number to ring. */
        telephone?: string;
        /** Where to write. */
        email?: string;
        /** When somebody answers. */
        hours?: string;
        /** Whom to ring at other times. */
        outOfHours?: {
          /** The number to ring. */
          telephone?: string;
          /** When somebody answers there. */
          hours?: string;
        };
      };
    };
    /** Of a setting: what the register and the provider say, reconciled. */
    ofsted?: {
      /** How the provider's word compares with the register's: confirmed, disputed, newer-than-register, not-on-register or unverified. */
      status: string;
      /** Where the registration stands. */
      registrationStatus?: string;
      /** The judgements that count, of the latest inspection that gave any. */
      judgements?: Array<Judgement>;
      /** What the provider declared, where it differs. */
      declared?: Array<Judgement>;
      /** Restrictions and notices in force. */
      restrictions?: Array<{
        /** What it is. */
        kind: string;
        /** The first day. */
        from?: Day;
        /** The last day. */
        until?: Day;
      }>;
      /** The as-at date of the register that was used. */
      registerAsAt?: Day;
      /** Earlier inspections; only where one listing is read alone. */
      history?: Array<{
        /** The framework. */
        framework?: string;
        /** The kind of inspection. */
        kind?: string;
        /** The first day. */
        inspectedOn?: Day;
        /** The day the report was published. */
        publishedOn?: Day;
        /** What was judged. */
        judgements?: Array<Judgement>;
      }>;
    };
    /** Of an area: all, region or local-authority. */
    level?: string;
    /** Of an area: its code; absent where places have none. */
    code?: string;
    /** Of an area: its name. */
    name?: string;
    /** Of a local authority: the code of its region. */
    region?: string;
    /** Of an area: places available when the weekly summary was made, rounded; absent where the number is kept back. */
    places?: number;
    /** Of an area: what its places are rounded to. */
    roundedTo?: number;
    /** Of an area: whether invented listings are counted. */
    simulated?: boolean;
  };
}

/** A price with its breakdown and terms, and to whom it is offered. All money is whole pence. */
export interface Rate {
  /** Your own identifier of the rate; vacancies name it. */
  id: Id;
  /** When this rate was true, by the provider's clock: an instant with its offset. The newest word wins; more than five minutes ahead of the receiver's clock is refused. */
  asOf: Instant;
  /** What you call it, such as 'Core with education'. */
  title?: ShortText;
  /** What kind of care the price covers. */
  package?: Package;
  /** Staff to children by day at this price. */
  staffingRatio?: StaffingRatio;
  /** The price: how much, for how long, for what. */
  price: {
    /** The price in whole pence, without VAT. */
    pence: Pence;
    /** For a night, week, hour or year, or once. */
    per: PricePeriod;
    /** For a place, a placement (such as a parent and child), a sibling group or a block. */
    unit?: PriceUnit;
  };
  /** For a price by the hour: how many hours a week it is charged for. */
  hoursPerWeek?: number;
  /** How many weeks a year are charged; absent means all year. */
  weeksPerYear?: WeeksPerYear;
  /** How value added tax applies. */
  vat?: Vat;
  /** What the price is made of. Those that are included sum to the price. */
  lines?: Array<{
    /** What the line is for. */
    code: Code;
    /** Your own words for it. */
    title?: ShortText;
    /** The amount, for the same time as the price. */
    pence: Pence;
    /** Whether the price includes it; false for an optional extra. */
    included?: boolean;
  }>;
  /** Who is expected to pay which share of the price. */
  funding?: {
    /** The share of social care. */
    carePence?: Pence;
    /** The share of health. */
    healthPence?: Pence;
    /** The share of education. */
    educationPence?: Pence;
  };
  /** What the price includes, such as clothing or pocket-money. */
  includes?: Array<Code>;
  /** Prices for more places. */
  tiers?: Array<{
    /** From how many places on. */
    fromPlaces: AtLeastOne;
    /** The price for each, for the same time as the price. */
    pence: Pence;
  }>;
  /** What else the contract says about the price. */
  terms?: {
    /** What is charged while a place is kept for a child who is away. */
    retainer?: ShortText;
    /** What is charged for an empty place, under a block contract. */
    void?: ShortText;
    /** How many days of notice end a placement. */
    noticeDays?: number;
    /** How and when the price rises. */
    uplift?: ShortText;
  };
  /** Under which contract the rate applies. */
  contract?: {
    /** The kind of contract. */
    type: ContractType;
    /** The framework's name or reference. */
    framework?: ShortText;
  };
  /** The word any, or the buyers and agreements to which alone the rate is offered. Nobody else sees it. */
  offeredTo: {
    /** The members or consortia that may buy at this rate. */
    buyers?: Array<Organisation>;
    /** The agreements under which the rate applies. */
    agreements?: Array<Id>;
  } | {
    /** The members or consortia that may buy at this rate. */
    buyers?: Array<Organisation>;
    /** The agreements under which the rate applies. */
    agreements?: Array<Id>;
  };
  /** Whether buyers may show the rate to other members, or keep it to themselves. */
  sharing?: "members" | "buyers-only";
  /** The first day of the rate. */
  validFrom: Day;
  /** The last day of the rate. */
  validUntil?: Day;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** The answer to a submission: what became of each record, what is wrong, where, and what to do. */
export interface Report {
  /** The identifier of the submission. */
  submission?: string;
  /** What checked it. */
  engine: {
    /** Name of the program. */
    name: string;
    /** Its version. */
    version: string;
  };
  /** The version of the standard against which it was checked. */
  schemaVersion: string;
  /** What became of it as a whole. */
  verdict: "accepted" | "partly-accepted" | "rejected" | "unchanged" | "working" | Other;
  /** How many records came and what became of them: records, accepted, unchanged, attested, held, superseded, rejected, withdrawn, warnings. */
  counts: Record<string, number>;
  /** Records that were not plainly accepted or unchanged; in a small submission, all. */
  records?: Array<{
    /** Its number in the submission, from 0. */
    index?: number;
    /** The setting. */
    urn?: string;
    /** The part of the record. */
    part?: string;
    /** The vacancy, rate or unit. */
    id?: string;
    /** What became of it. */
    outcome: "accepted" | "unchanged" | "attested" | "held" | "superseded" | "rejected" | "withdrawn" | Other;
  }>;
  /** What is wrong, grouped by cause. */
  issues: Array<{
    /** The stable identifier of the rule. */
    rule: string;
    /** error: rejected. warning: accepted and flagged. advice: could be better. */
    severity: "error" | "warning" | "advice" | Other;
    /** What was wrong. */
    message: string;
    /** What to do. */
    advice?: string;
    /** How often. */
    count: number;
    /** The first places where it was found. */
    places?: Array<{
      /** JSON Pointer into the document. */
      pointer?: string;
      /** Line of the file. */
      line?: number;
      /** Sheet of the workbook. */
      sheet?: string;
      /** Cell of the sheet, such as B7. */
      cell?: string;
      /** The setting concerned. */
      urn?: string;
    }>;
  }>;
  /** Whether members see it yet. */
  publication?: {
    /** published or pending. */
    status: "published" | "pending" | Other;
    /** When it was published. */
    publishedAt?: Instant;
  };
}

/** Who a setting is: its registrations, provider, local authority, whom it is registered for, what it brings, whom to ask, and its units. */
export interface Setting {
  /** When this was true, by the provider's clock: an instant with its offset. The newest word wins; more than five minutes ahead of the receiver's clock is refused. */
  asOf?: Instant;
  /** The setting's name as registered. Leave it out where it would give an address away. */
  name?: Name;
  /** Every registration of the setting, such as Ofsted's, the Care Inspectorate's, the Care Quality Commission's, a school's. */
  registrations?: Array<{
    /** Who registered it. */
    scheme: RegistrationScheme;
    /** The registration number. */
    id: SchemeId;
    /** The first day of the registration. */
    from?: Day;
    /** The last day of the registration, if it has ended. */
    to?: Day;
  }>;
  /** Registrations that this one took over, such as the old URN after a change of owner. */
  replaces?: Array<Registration>;
  /** What kind of setting it is. */
  provisionType: ProvisionType;
  /** The organisation that owns the setting. */
  provider?: {
    /** Its company, charity or local authority numbers. */
    identifiers?: Array<Organisation>;
    /** Its registered name. */
    name: Name;
    /** Who owns it: private, voluntary, a local authority. */
    sector?: Sector;
  };
  /** The local authority in which the setting stands. */
  localAuthority?: Gss;
  /** The ages for which the setting is registered. */
  ages?: Ages;
  /** The genders for whom the setting is registered. */
  genders?: Array<Gender>;
  /** The needs for which the setting is registered. */
  registeredNeeds?: Array<CommonNeed>;
  /** Named models of care, such as no-wrong-door or mockingbird. */
  modelsOfCare?: Array<Code>;
  /** The health, education, therapy or justice services that the setting brings. */
  services?: Array<{
    /** What kind of service it is. */
    kind: ServiceKind;
    /** What it is, in a few words. */
    title?: ShortText;
    /** Whether the price of a place includes it; absent is not known. */
    included?: boolean;
  }>;
  /** Whether the setting gives short breaks only. */
  shortBreaksOnly?: boolean;
  /** The school that belongs to the setting, if any. */
  educationUrn?: EducationUrn;
  /** Whom to ask about a place: a role, never a person's name. */
  referralContact?: {
    /** Who answers: a role, never a person's name. */
    role: Role;
    /** The number to ring. */
    telephone?: Telephone;
    /** Where to write; a team's address. */
    email?: Email;
    /** When somebody answers, such as 'Monday to Friday 9 to 5'. */
    hours?: ShortText;
    /** Whom to ring at other times. */
    outOfHours?: {
      /** The number to ring. */
      telephone?: Telephone;
      /** When somebody answers there. */
      hours?: ShortText;
    };
  };
  /** The buildings, premises, teams or groups of the setting. A plain home has one implied unit and leaves this out. */
  units?: Array<{
    /** Your own identifier of the unit. It never leaves the exchange. */
    id: Id;
    /** What the unit is. */
    kind: UnitKind;
    /** The local authority in which the unit stands, if not the setting's. */
    localAuthority?: Gss;
    /** About where it stands; only members see it. */
    postcodeSector?: PostcodeSector;
    /** The category of supported accommodation. */
    category?: UnitCategory;
    /** How many places the unit has. */
    places?: Count;
  }>;
  /** A public page about the setting. */
  website?: WebAddress;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** What a reader wants to be told of, and how: of which events, of which listings, by webhook or e-mail. */
export interface Subscription {
  /** The exchange's identifier. */
  id?: Id;
  /** What you call it. */
  title?: ShortText;
  /** How to tell you. */
  channel: "webhook" | "email";
  /** For a webhook: where to send. It must take a handshake before anything else is sent. */
  url?: WebAddress;
  /** For e-mail: where to write. It gets a code that must be sent back to confirm it. */
  email?: Email;
  /** Which types of event; absent means all that your role can be told of. */
  events?: Array<EventType>;
  /** Which listings, in the words of the list's own parameters; absent means all that you may see. */
  filter?: Filter;
  /** How much each message carries: empty, that there is news and where to read it; ids, what happened to which listing; full, with the listing itself. Take the least that serves. Default ids. */
  content?: "empty" | "ids" | "full";
  /** Whether to be told also that nothing changed but the provider's clock. */
  includeAttestations?: boolean;
  /** For a webhook: seconds of quiet after which a message without news is sent, so that you know that it works; absent means none. */
  heartbeat?: number;
  /** For e-mail: how often; absent means at once. */
  schedule?: {
    /** At once, at each full hour, or once a day; never without news. */
    every: "instant" | "hourly" | "daily";
    /** For daily: the time of day in Europe/London; 07:30 unless told. A time that the clocks skip is an hour later on that day, one that comes twice is the first. */
    at?: string;
  };
  /** Who is told when it stops, by another channel than its own; a team rather than a person. */
  ownerEmail?: Email;
  /** Whether it works: requested until the address has taken the handshake or sent back the code; error until its owner resumes it. */
  state?: "requested" | "active" | "paused" | "error";
  /** When it was made. */
  createdAt?: Instant;
  /** Why it stopped. */
  error?: string;
  /** What a webhook's messages are signed with (Standard Webhooks); shown once, when it is made or replaced. */
  secret?: string;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}

/** One or more places that a provider offers: how many, whom they suit, from when, at which rates. */
export interface Vacancy {
  /** Your own identifier of the offer, such as upstairs; unique in the setting. It never leaves the exchange. */
  id: Id;
  /** When this offer was true, by the provider's clock: an instant with its offset. The newest word wins; more than five minutes ahead of the receiver's clock is refused. */
  asOf: Instant;
  /** The unit that has the places; absent for a setting with one unit. */
  unit?: Id;
  /** How many children could be placed under this offer. */
  places: AtLeastOne;
  /** The first day on which a child could move in. */
  from: Day;
  /** The last day of the offer. */
  until?: Day;
  /** The ages that the place suits now, given who lives there. */
  ages?: Ages;
  /** The genders that the place suits now. */
  genders?: Array<Gender>;
  /** Needs that the place accepts or excludes; what is in neither list is not said. */
  needs?: {
    /** What the place can meet. What is in neither list is not said: ask. */
    accepted?: Array<SupportNeed>;
    /** What the place can't meet, now or ever. */
    excluded?: Array<SupportNeed>;
  };
  /** Risks that the place accepts or excludes; what is in neither list is not said. */
  risks?: {
    /** What the place can meet. What is in neither list is not said: ask. */
    accepted?: Array<Risk>;
    /** What the place can't meet, now or ever. */
    excluded?: Array<Risk>;
  };
  /** Ways of communicating that staff can use. */
  communication?: Array<Communication>;
  /** Adaptations of the building. */
  adaptations?: Array<Adaptation>;
  /** With whom the child would live: solo, with others, with older or with younger children. */
  cared?: CaredFor;
  /** Whether brothers and sisters can come together. */
  siblings?: {
    /** The largest group of siblings that could come together. */
    max: number;
  };
  /** Whether the offer is for a parent with a child. */
  parentAndChild?: boolean;
  /** For an offer to a parent and child: whom it takes. ages then means the child's. */
  family?: {
    /** How many parents at most. */
    parents?: number;
    /** How many children at most. */
    children?: number;
    /** The ages of the parents whom it takes. */
    parentAges?: {
      /** The youngest parent's age, in completed years. */
      from?: number;
      /** The oldest parent's age, in completed years. */
      to?: number;
    };
  };
  /** Kinds of stay that are offered. */
  placementTypes?: Array<PlacementType>;
  /** How soon the place can be taken up. */
  response?: ResponseBand;
  /** For short breaks: which nights, and how many at a time. */
  nights?: {
    /** The nights that are offered, by the day on which each begins; absent means any. */
    days?: Array<Weekday>;
    /** The fewest nights at a time. */
    min?: number;
    /** The most nights at a time. */
    max?: number;
  };
  /** How many weeks of the year the placement lasts; absent means all year. */
  weeksPerYear?: WeeksPerYear;
  /** The identifiers of the rates at which the place is offered. */
  rates?: Array<Id>;
  /** Which places the offer draws on, where offers overlap: a solo offer of a home of two uses both. */
  uses?: {
    /** The name of the shared places; absent means those of the unit. */
    pool?: Id;
    /** How many places of the pool one placement takes; absent means one. */
    places?: AtLeastOne;
  };
  /** Staff to children by day. */
  staffingRatio?: StaffingRatio;
  /** A short note about the place. No data about a child, no address, no person's name. */
  notes?: string;
  /** Anything of your own that the standard has no property for, under a web address that you control. Never data about a child. */
  extensions?: Extensions;
}
